"""The exchanges that the index listens to: one file each, all of one shape (`shape.py`).

A ninth venue is one file here, its line in `VENUES`, and its sample frames in the tests. Pure: a venue is
data and a decoder; sockets belong to `twilight.feeder.link`.
"""

from twilight.feeder.venues.binance import BINANCE
from twilight.feeder.venues.bitfinex import BITFINEX
from twilight.feeder.venues.bitstamp import BITSTAMP
from twilight.feeder.venues.bybit import BYBIT
from twilight.feeder.venues.coinbase import COINBASE
from twilight.feeder.venues.gemini import GEMINI
from twilight.feeder.venues.kraken import KRAKEN
from twilight.feeder.venues.okx import OKX
from twilight.feeder.venues.shape import Control, ControlKind, Decoder, Signal, Signals, TopOfBook, Venue

VENUES = {venue.name: venue for venue in (BINANCE, BITFINEX, BITSTAMP, BYBIT, COINBASE, GEMINI, KRAKEN, OKX)}

__all__ = ["VENUES", "Control", "ControlKind", "Decoder", "Signal", "Signals", "TopOfBook", "Venue"]
