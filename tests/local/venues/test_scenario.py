from pathlib import Path

import pytest

from twilight.local.venues.errors import ScenarioError
from twilight.local.venues.faults import Drop, Offset
from twilight.local.venues.market import Still, Walk
from twilight.local.venues.scenario import load, read


def test_a_scenario_names_faults_over_time() -> None:
    scenario = read(
        """
        seed = 7
        [[fault]]
        kind = "offset"
        venues = ["gemini"]
        at_s = 10
        for_s = 20
        bps = 40
        [[fault]]
        kind = "drop"
        """
    )
    assert scenario.fault == (Offset(venues=("gemini",), at_s=10, for_s=20, bps=40), Drop())
    assert isinstance(scenario.market(1), Walk)


def test_quotes_make_the_market_stand_still() -> None:
    market = read('[quotes.kraken]\nBTC = ["61821.90", "61822.00"]').market(1)
    assert isinstance(market, Still)
    first = next(iter(market))
    assert (first.venue, first.bid_e8, first.ask_e8) == ("kraken", 6_182_190_000_000, 6_182_200_000_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fault =", "Invalid value"),
        ('[[fault]]\nkind = "melt"', "Invalid value 'melt' - at `\\$.fault"),
        ('[[fault]]\nkind = "offset"', "missing required field `bps`"),
        ('[[fault]]\nkind = "drop"\nfore_s = 5', "unknown field `fore_s`"),
        ('[[fault]]\nkind = "cross"\nshape = "bent"', "shape must be one of"),
        ('[quotes.mtgox]\nBTC = ["1", "2"]', "quotes for 'mtgox', which is no venue"),
        ('[quotes.kraken]\nBTC = ["one", "2"]', "ConversionSyntax"),
        ("market = 1", "unknown field `market`"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason):
        read(text)


def test_a_scenario_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("seed = true")
    with pytest.raises(ScenarioError, match=r"bad\.toml: Expected"):
        load(path)
