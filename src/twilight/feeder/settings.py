"""Everything that a feeder is told by its environment (price feed specification 3 and 11).

Fields of this class are environment variables of the same name. Each venue has its own, with its name in
upper case: ``FEEDER_<VENUE>_URL``, ``_SYMBOL``, ``_CONVERSION_SYMBOL``, ``_WEIGHT``, ``_QUOTE_STALE_MS`` and
``_LINK_STALE_MS``. Each parameter of the index is ``FEEDER_`` and its name: ``FEEDER_STEP_BPS``.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field

from twilight.domain.index.params import (
    DEFAULT_WEIGHT,
    IndexConfig,
    IndexConfigError,
    IndexParams,
    SourceParams,
    checked,
)
from twilight.feeder.venues import VENUES, Venue
from twilight.ops.errors import SettingsError
from twilight.ops.settings import Address, Settings, load

ALL_VENUES: Final = ",".join(sorted(VENUES))
VENUE_NUMBERS: Final = ("WEIGHT", "QUOTE_STALE_MS", "LINK_STALE_MS")


class FeederSettings(Settings):
    """One feeder process."""

    feeder_addr: Address = "127.0.0.1:9301"
    feeder_state_dir: Path = Path("data/feeder")
    feeder_key_file: Path | None = None
    feeder_venues: str = ALL_VENUES
    feeder_clients_max: Annotated[int, Field(gt=0)] = 1_000
    feeder_record_dir: Path | None = None
    feeder_record_file_mb: Annotated[int, Field(gt=0)] = 64
    feeder_record_files: Annotated[int, Field(gt=1)] = 16
    broker: str = ""
    price_feed_topic: str = "PriceFeedTopic"

    @property
    def key_file(self) -> Path:
        """Return where the signing key stands."""
        return self.feeder_key_file or self.feeder_state_dir / "key.json"


@dataclass(frozen=True, slots=True)
class ConfiguredVenue:
    """A venue with the operator's URL, symbols, weight and age limits."""

    venue: Venue
    weight: int
    quote_stale_ms: int
    link_stale_ms: int


@dataclass(frozen=True, slots=True)
class FeederConfig:
    """The whole configuration, checked: the process, the venues, the index."""

    settings: FeederSettings
    venues: tuple[ConfiguredVenue, ...]
    index: IndexConfig


def configure(environment: Mapping[str, str] | None = None) -> FeederConfig:
    """Return the configuration that the environment gives.

    Raises:
        SettingsError: one line for each fault.
    """
    found = os.environ if environment is None else environment
    settings, faults = _own(FeederSettings)
    told: list[str] = []
    params = _params(found, told)
    venues = [_venue(name, found, params, told) for name in list(_names(found, told))]
    index = None if told else _index(params, venues, told)
    if settings is None or index is None:
        raise SettingsError([*faults, *told])
    return FeederConfig(settings, tuple(venues), index)


def _own(cls: type[FeederSettings]) -> tuple[FeederSettings | None, Sequence[str]]:
    """Return the settings of the process, or what is wrong with them: the rest is looked at all the same."""
    try:
        return load(cls), ()
    except SettingsError as error:
        return None, error.faults


def _index(params: IndexParams, venues: Sequence[ConfiguredVenue], faults: list[str]) -> IndexConfig | None:
    try:
        return index_config(params, venues)
    except IndexConfigError as error:
        faults += str(error).splitlines()
        return None


def index_config(params: IndexParams, venues: Sequence[ConfiguredVenue]) -> IndexConfig:
    """Return the index configuration of these venues; raises IndexConfigError."""
    sources = [
        SourceParams(
            configured.venue.name,
            configured.venue.quote,
            configured.weight,
            configured.quote_stale_ms,
            configured.link_stale_ms,
        )
        for configured in venues
    ]
    currencies = {currency for configured in venues for currency in configured.venue.conversion}
    rates = {
        currency: [configured.venue.name for configured in venues if currency in configured.venue.conversion]
        for currency in currencies
    }
    return checked(params, sources, rates)


def _params(environment: Mapping[str, str], faults: list[str]) -> IndexParams:
    changes: dict[str, int | str] = {}
    for item in fields(IndexParams):
        variable = f"FEEDER_{item.name.upper()}"
        text = environment.get(variable)
        if text is None:
            continue
        if item.name == "mode":
            changes[item.name] = text
        elif (number := _whole(variable, text, faults)) is not None:
            changes[item.name] = number
    return replace(IndexParams(), **changes)  # type: ignore[arg-type]  # each has its type


def _names(environment: Mapping[str, str], faults: list[str]) -> Iterator[str]:
    for name in environment.get("FEEDER_VENUES", ALL_VENUES).replace(" ", "").split(","):
        if name in VENUES:
            yield name
        else:
            faults.append(f"FEEDER_VENUES: expected names of {', '.join(sorted(VENUES))}, found {name!r}")


def _venue(name: str, environment: Mapping[str, str], params: IndexParams, faults: list[str]) -> ConfiguredVenue:
    prefix = f"FEEDER_{name.upper()}_"
    venue = VENUES[name]
    conversion = dict(venue.conversion)
    if (symbol := environment.get(prefix + "CONVERSION_SYMBOL")) is not None:
        conversion = dict.fromkeys(conversion or ("USDT",), symbol) if symbol else {}
    venue = replace(
        venue,
        url=environment.get(prefix + "URL", venue.url),
        symbol=environment.get(prefix + "SYMBOL", venue.symbol),
        conversion=conversion,
    )
    fault = address_fault(venue.address)
    if fault is not None:
        faults.append(f"{prefix}URL: {fault}")
    own = [
        _whole(prefix + key, environment[prefix + key], faults) if prefix + key in environment else None
        for key in VENUE_NUMBERS
    ]
    weight, quote_stale_ms, link_stale_ms = own
    return ConfiguredVenue(
        venue,
        DEFAULT_WEIGHT if weight is None else weight,
        _first(quote_stale_ms, venue.quote_stale_ms, params.quote_stale_ms),
        _first(link_stale_ms, venue.link_stale_ms, params.link_stale_ms),
    )


def address_fault(address: str) -> str | None:
    """Return why an address is refused: anything but TLS, or plain text to this machine itself."""
    parts = urlsplit(address)
    if parts.scheme == "wss" and parts.hostname:
        return None
    if parts.scheme == "ws" and parts.hostname and _is_loopback(parts.hostname):
        return None
    return f"expected wss://, or ws:// on a loopback address, found {address!r}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _whole(variable: str, text: str, faults: list[str]) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text)
    faults.append(f"{variable}: expected a whole number of at least 0, found {text!r}")
    return None


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
