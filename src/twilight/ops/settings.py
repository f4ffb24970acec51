"""Settings come from environment variables, are checked whole, and never change afterwards."""

import logging
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from twilight.ops.errors import SettingsError


def host_port(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`; port 0 means any free one.

    Raises:
        SettingsError: the address is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not host or not _is_port(port):
        raise SettingsError([f"address must be host:port with a port from 0 to 65535, was {address!r}"])
    return host.strip("[]"), int(port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65_535  # noqa: PLR2004 - the largest TCP port


def _address(text: str) -> str:
    try:
        host_port(text)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return text


def _database_url(text: str) -> str:
    """Return an address of PostgreSQL; what was found is not told, it may hold a password."""
    import psycopg  # noqa: PLC0415 - the processes without a database go without it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        ports = str(conninfo_to_dict(text).get("port") or "5432").split(",")
    except psycopg.ProgrammingError:
        ports = []
    if not text or not ports or not all(map(_is_port, ports)):
        raise ValueError("expected an address of PostgreSQL, as postgresql://user:password@host:5432/database")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError(f"expected one of CRITICAL, ERROR, WARNING, INFO, DEBUG, found {text!r}")
    return text


Address = Annotated[str, AfterValidator(_address)]
"""A setting of the form `host:port`."""
AddressOrNone = Annotated[str, AfterValidator(lambda text: text and _address(text))]
"""The same, or empty."""
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
"""A setting that says where a PostgreSQL is."""
DatabaseUrlOrNone = Annotated[str, AfterValidator(lambda text: text and _database_url(text))]
"""The same, or empty."""


class Settings(BaseSettings):
    """A room's settings: each field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(
        frozen=True, case_sensitive=False, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )

    ops_addr: Address = "127.0.0.1:0"
    log_level: Annotated[str, AfterValidator(_log_level)] = "INFO"


S = TypeVar("S", bound=Settings)


def load(cls: type[S]) -> S:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: one line for each fault: the variable, what was expected, what was found.
    """
    try:
        return cls()
    except ValidationError as error:
        raise SettingsError([_fault(cls, detail) for detail in error.errors()]) from None


SHOWN_CHARACTERS_MAX = 100


def _fault(cls: type[Settings], detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"]).upper() or "settings"
    if detail["type"] == "missing":
        return f"{name}: must be set, was not"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name}: {message}{_found(cls, detail)}"


def _found(cls: type[Settings], detail: ErrorDetails) -> str:
    """Say what was found, unless the message does; only of what cannot be a secret: a number or one of some words."""
    name, found = str(detail["loc"][0]) if detail["loc"] else "", detail["input"]
    field = cls.model_fields.get(name)
    if field is None or not isinstance(found, str | int | float) or not _is_plain(field.annotation):
        return ""
    shown = str(found)[:SHOWN_CHARACTERS_MAX]
    return "" if shown in detail["msg"] else f", found {shown!r}"


def _is_plain(annotation: Any) -> bool:  # noqa: ANN401  # any type
    """Return whether a setting of this type is a number, a switch or one of some words."""
    if get_origin(annotation) is Literal:
        return True
    inner = [one for one in get_args(annotation) if isinstance(one, type)]
    if inner:
        return all(_is_plain(one) for one in inner)
    return isinstance(annotation, type) and issubclass(annotation, int | float | Decimal | Enum | NoneType)
