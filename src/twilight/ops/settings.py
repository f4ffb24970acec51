"""Settings come from environment variables, are checked whole, and never change afterwards."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from twilight.ops.errors import SettingsError


class Settings(BaseSettings):
    """A room's settings: each field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(frozen=True, case_sensitive=False, extra="ignore", hide_input_in_errors=True)

    ops_addr: str = "127.0.0.1:0"
    log_level: str = "INFO"


S = TypeVar("S", bound=Settings)


def load(cls: type[S]) -> S:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: one line for each fault: the variable, what was expected, what was found.
    """
    try:
        return cls()
    except ValidationError as error:
        raise SettingsError([_fault(detail) for detail in error.errors()]) from None


def _fault(detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"]).upper() or "settings"
    if detail["type"] == "missing":
        return f"{name}: must be set, was not"
    return f"{name}: {detail['msg']}"


def host_port(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`; port 0 means any free one.

    Raises:
        SettingsError: the address is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:  # noqa: PLR2004 - the largest TCP port
        raise SettingsError([f"address must be host:port with a port from 0 to 65535, was {address!r}"])
    return host.strip("[]"), int(port)
