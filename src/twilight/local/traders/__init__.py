"""Demo traders and a lender: they use the public API alone, with keys of their own, and sign what they say.

`strategy` and `book` decide and remember without I/O; `trader` takes one turn, `run`
takes turns until told to stop. Nothing in here may know more of the exchange than a stranger does.
"""

from twilight.local.traders.book import Book, Order, Stage
from twilight.local.traders.run import Crew, serve_traders
from twilight.local.traders.trader import Trader

__all__ = ["Book", "Crew", "Order", "Stage", "Trader", "serve_traders"]
