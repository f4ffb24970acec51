"""The eight venues, in the order of price-feed specification 3, and the groups a fault may name."""

from collections.abc import Iterable, Mapping
from typing import Final

from twilight.local.venues.binance import Binance
from twilight.local.venues.bitfinex import Bitfinex
from twilight.local.venues.bitstamp import Bitstamp
from twilight.local.venues.bybit import Bybit
from twilight.local.venues.coinbase import Coinbase
from twilight.local.venues.errors import RefusedFaultError
from twilight.local.venues.gemini import Gemini
from twilight.local.venues.kraken import Kraken
from twilight.local.venues.model import Venue
from twilight.local.venues.okx import Okx

VENUES: Final[Mapping[str, Venue]] = {
    venue.name: venue for venue in (Coinbase(), Kraken(), Bitstamp(), Gemini(), Bitfinex(), Binance(), Okx(), Bybit())
}

USDT_VENUES: Final = ("binance", "okx", "bybit")
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": tuple(VENUES),
    "usd": tuple(name for name in VENUES if name not in USDT_VENUES),
    "usdt": USDT_VENUES,
}


def names_of(wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the venues that a list of names and groups means.

    Raises:
        RefusedFaultError: a name is neither a venue nor a group.
    """
    named = dict.fromkeys(name for item in wanted for name in GROUPS.get(item, (item,)))
    strangers = [name for name in named if name not in VENUES]
    if strangers:
        known = ", ".join((*VENUES, *GROUPS))
        raise RefusedFaultError(f"a venue must be one of {known}, was {strangers[0]!r}")
    return tuple(named)
