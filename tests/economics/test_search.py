"""Nothing that the search can think of wins whatever the price does; in profile `reference` it soon finds what does.

`TWILIGHT_SEARCH_TRIES` sets how many strategies are tried (default 60); 20,000 take some hours.
"""

import os

from tests.economics.search import search

from twilight.domain.model.profile import DEFAULT, REFERENCE

TRIES = int(os.environ.get("TWILIGHT_SEARCH_TRIES", "60"))


def test_the_search_finds_the_lend_shares_that_the_reference_gives_away() -> None:
    assert search(REFERENCE, seed=0, tries=200).sure_profit > 0


def test_the_search_finds_no_strategy_that_surely_wins() -> None:
    assert search(DEFAULT, seed=0, tries=TRIES).sure_profit <= 0
