"""The edges that random scenarios reach seldom, each by name; the model checks every record of them."""

import pytest
from tests.property.story import Story, answers, reason, told

both_profiles = pytest.mark.parametrize("profile", ["default", "reference"])
FEES = ("filled_on_market", "filled_on_limit", "settled_on_market", "settled_on_limit")
NO_LIMITS = {"max_oi_mult": 1e6, "max_net_mult": 1e6, "max_position_pct": 1e6}


def unlimited(profile: str, price: float = 65_000, tlv: int = 200_000_000) -> Story:
    story = Story(profile, tlv=tlv)
    story.tick(price)
    story.admin("UpdateRiskParams", **NO_LIMITS)
    return story


@both_profiles
def test_a_margin_of_one_sat_is_spent_by_the_smallest_fee(profile: str) -> None:
    story = unlimited(profile)
    story.open("A", "LONG", 1, 1)
    assert story.order("A").available_margin == 0
    assert told(story.close("A"), "SETTLED")["available_margin"] == (0 if profile == "default" else -1)


@both_profiles
def test_the_largest_value_is_opened_and_one_sat_more_is_refused(profile: str) -> None:
    story = unlimited(profile, tlv=2**52)
    assert answers(story.open("A", "LONG", 2**50 - 1, 1)) == ["FILLED"]
    assert answers(story.open("B", "LONG", 2**50, 1)) == ["CANCELLED"]
    assert answers(story.open("C", "SHORT", (2**50 - 1) // 50, 50)) == ["FILLED"]
    assert "SETTLED" in answers(story.close("A"))


@both_profiles
@pytest.mark.parametrize("price", [1, 10_000_000])
@pytest.mark.parametrize("leverage", [1, 50])
@pytest.mark.parametrize("side", ["LONG", "SHORT"])
def test_a_position_lives_and_ends_at_the_ends_of_the_price_scale(
    profile: str, price: int, leverage: int, side: str
) -> None:
    story = unlimited(profile, price)
    story.open("A", side, 100_000, leverage)
    story.fund()
    story.tick(10_000_001 - price)
    story.fund()
    if story.model.ledger.traders:
        story.close("A")
    assert story.model.ledger.sizes == {"LONG": 0, "SHORT": 0}


@both_profiles
@pytest.mark.parametrize(("side", "price"), [("LONG", 40_000), ("SHORT", 90_000)])
def test_a_gap_through_bankruptcy_liquidates_and_takes_no_more_than_the_margin(
    profile: str, side: str, price: int
) -> None:
    story = unlimited(profile)
    story.open("A", side, 100_000, 10)
    assert told(story.tick(price), "LIQUIDATE")["available_margin"] == 0
    assert story.pool[0] == 200_100_000


def test_an_opening_fee_of_five_margins_takes_one_margin() -> None:
    story = unlimited("default")
    story.admin("UpdateFees", **{f"order_{name}": 10.0 for name in FEES})
    story.open("A", "LONG", 100_000, 50)
    assert story.order("A").available_margin == -400_000
    assert told(story.close("A"), "SETTLED")["available_margin"] == 0
    assert story.pool[0] == 200_100_000


def test_the_last_sat_of_the_pool_is_paid_and_the_shortfall_is_told() -> None:
    story = unlimited("default", tlv=10_000)
    story.open("A", "LONG", 100_000, 10)
    events = story.tick(130_000) + story.close("A")
    assert told(events, "SETTLED")["available_margin"] == 110_000
    assert story.pool[0] == 0
    assert [event.metadata["shortfall_sats"] for event in events if "shortfall_sats" in (event.metadata or {})]
    assert reason(story.open("B", "LONG", 1000)) == "HALT:POOL_EQUITY_INVALID"
    assert reason(story.lend("C", 1_000_000)) == "HALT:POOL_EQUITY_INVALID"


@both_profiles
def test_the_last_position_that_closes_leaves_exactly_nothing(profile: str) -> None:
    story = unlimited(profile)
    for number, price in enumerate([65_000, 65_001, 70_003, 69_999]):
        story.tick(price)
        story.open(f"L{number}", "LONG", 12_347 + number, 7)
        story.open(f"S{number}", "SHORT", 98_765 + number, 13)
    story.fund()
    for account in [order.account_id for order in story.model.ledger.filled()]:
        story.close(account)
    assert story.fund()[-1].value[0] == 0
    assert story.auditor.sizes == dict.fromkeys(story.auditor.sizes, 0)


@both_profiles
def test_every_kind_of_trigger_fires_in_one_tick_and_each_position_ends_once(profile: str) -> None:
    story = unlimited(profile)
    for number, side in enumerate(["LONG", "SHORT"] * 3):
        story.open(f"T{number}", side, 50_000, 1)
        far = 66_000 if side == "LONG" else 64_000
        story.close(f"T{number}", limit=far + number)
        near = 64_000 if side == "LONG" else 66_000
        story.protect(f"T{number}", sl=near - number, tp=far - number)
        story.open(f"R{number}", side, 50_000, 50, limit=near)
    for price in (66_010, 63_990):
        ended = [event.value["order_id"] for event in story.tick(price) if event.kind == "TxHashUpdate"]
        assert len(ended) == len(set(ended)) > 0


@both_profiles
def test_a_lender_of_everything_comes_and_goes_at_the_bounds_of_deposits(profile: str) -> None:
    story = Story(profile, tlv=1_000_000, tps=1)
    story.tick(65_000)
    assert answers(story.lend("A", 999_999)) == (["CANCELLED"] if profile == "default" else ["FILLED"])
    assert answers(story.lend("B", 2**50)) == ["CANCELLED"]
    assert answers(story.lend("C", 2**50 - 1)) == ["FILLED"]
    assert answers(story.withdraw("C")) == ["SETTLED"]


@both_profiles
def test_a_hundred_positions_are_liquidated_by_one_tick(profile: str) -> None:
    """`tests/domain` does it with ten thousand; here the model checks every record."""
    story = unlimited(profile)
    for number in range(100):
        story.open(f"T{number}", "SHORT" if number % 2 else "LONG", 1000 + number, 50)
    assert answers(story.tick(40_000)) == ["LIQUIDATE"] * 50
    assert answers(story.tick(90_000)) == ["LIQUIDATE"] * 50
    assert story.pool[0] == 200_000_000 + sum(range(1000, 1100))


@pytest.mark.parametrize(("held_ms", "gain"), [(3_599_999, False), (3_600_000, True)])
def test_a_deposit_earns_from_the_very_hour_on(held_ms: int, *, gain: bool) -> None:
    story = unlimited("default")
    story.open("A", "LONG", 1_000_000, 50)
    story.lend("L", 100_000_000)
    story.tick(60_000)
    story.wait(held_ms - 250)
    (left,) = [event.value[0] for event in story.withdraw("L") if event.kind == "LendOrder"]
    assert (left["payment"] > 0) == gain
