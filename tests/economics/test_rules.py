"""Each rule that keeps people from living off each other: with it the strategy loses, without it the strategy wins.

A strategy is played twice in the same market, once with the rule's option switched off (or, for R5, R22 and R30, with
the intake or the feed as they would be without the rule). Figures are sats; the pool has 200,000,000.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.economics.floor import Floor
from tests.property.story import answers, reason

from twilight.domain.model.profile import DEFAULT, Profile

WITHOUT_R18 = replace(DEFAULT, settled_fees=False)
WITHOUT_R19 = replace(DEFAULT, net_asset_value=False, lend_min_hold_s=0)
WITHOUT_HOLD = replace(DEFAULT, lend_min_hold_s=0)
WITHOUT_R20 = replace(DEFAULT, refit_at_fill=False)
WITHOUT_R21 = replace(DEFAULT, first_funding_pays_only=False)
WITHOUT_R29 = replace(DEFAULT, withdrawal_limits=False)
VALUE = 3_000_000
"""The value of each position in sats; the limit is 2 percent of the pool, at first 4,000,000."""

Play = Callable[[Profile], int]


# R5: nobody trades at a price that is older than his order.


def know_the_next_tick(intake_ticks: int) -> int:
    """Buy whenever the next tick, which the bot has seen on a venue already, is 0.3 percent higher; sell after it."""
    floor = Floor(intake_ticks=intake_ticks)
    price = 65_000.0
    for number in range(20):
        account = f"bot-{number}"
        floor.open(account, "LONG", VALUE // 50, 50)
        price *= 1.003
        floor.tick(price)
        floor.close(account)
        floor.tick(price)
    return floor.profit(*[f"bot-{number}" for number in range(20)])


def test_r5_a_bot_that_knows_the_next_tick_only_pays_fees() -> None:
    assert know_the_next_tick(intake_ticks=1) == -48_000
    assert know_the_next_tick(intake_ticks=0) == 131_535


# R18: the fee of a close does not depend on how it is worded.


def fee_of(profile: Profile, limit: float | None) -> float:
    floor = Floor(profile)
    floor.open("A", "LONG", VALUE // 10, 10)
    opened = floor.fees_paid
    floor.close("A", limit=limit)
    return floor.fees_paid - opened


def test_r18_a_close_limit_far_through_the_market_costs_what_a_market_close_costs() -> None:
    assert fee_of(DEFAULT, limit=1) == fee_of(DEFAULT, limit=None) == 1200
    assert fee_of(WITHOUT_R18, limit=1) == 600


# R19: shares are bought and sold at what the pool is worth.


def leave_before_a_known_loss(profile: Profile) -> int:
    """A lender leaves when traders have won but not closed yet; they close, and he comes back."""
    floor = Floor(profile)
    floor.lend("lender", 100_000_000)
    floor.rest()
    for number in range(20):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)
    floor.tick(70_000)
    floor.withdraw("lender")
    for number in range(20):
        floor.close(f"T{number}")
    return floor.profit("lender")


def stay_through_the_loss(profile: Profile) -> int:
    floor = Floor(profile)
    floor.lend("lender", 100_000_000)
    floor.rest()
    for number in range(20):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)
    floor.tick(70_000)
    for number in range(20):
        floor.close(f"T{number}")
    floor.withdraw("lender")
    return floor.profit("lender")


def test_r19_a_lender_who_leaves_before_a_loss_that_everyone_sees_does_not_escape_it() -> None:
    assert leave_before_a_known_loss(DEFAULT) <= stay_through_the_loss(DEFAULT) < 0
    assert leave_before_a_known_loss(WITHOUT_R19) == 0


def buy_in_before(profile: Profile, happening: Callable[[Floor], None], *, price: float, hold_hours: float) -> int:
    """Lend when traders have lost but not closed yet; let it be booked; leave."""
    floor = Floor(profile)
    for number in range(20):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)
    floor.tick(price)
    floor.lend("bot", 200_000_000)
    happening(floor)
    floor.rest(hold_hours)
    floor.withdraw("bot")
    return floor.profit("bot")


def all_close(floor: Floor) -> None:
    for number in range(20):
        floor.close(f"T{number}")


@pytest.mark.parametrize(
    ("price", "without"),
    [(62_000, 1_476_190), (65_000, 24_000)],
    ids=["losses", "fees"],
)
def test_r19_nobody_wins_by_lending_just_before_what_he_sees_coming_is_booked(price: float, without: int) -> None:
    assert buy_in_before(DEFAULT, all_close, price=price, hold_hours=2) <= 0
    assert buy_in_before(WITHOUT_R19, all_close, price=price, hold_hours=0) == without


def lend_around_liquidations(profile: Profile) -> int:
    """A hedged book, its longs about to be liquidated: lend, let them be, leave when the book is empty."""
    floor = Floor(profile)
    for number in range(50):
        floor.open(f"L{number}", "LONG", VALUE // 50, 50)
        floor.open(f"S{number}", "SHORT", VALUE, 1)
    floor.tick(64_010)
    floor.lend("bot", 200_000_000)
    floor.tick(64_000)
    for number in range(50):
        floor.close(f"S{number}")
    floor.withdraw("bot")
    return floor.profit("bot")


def test_r19_a_deposit_that_leaves_within_the_hour_has_earned_nothing() -> None:
    """What the mark does not show, a liquidated position's maintenance margin, is not to be had in passing."""
    assert lend_around_liquidations(DEFAULT) <= 0
    assert lend_around_liquidations(WITHOUT_HOLD) == 328_465


# R20: resting orders neither block others nor slip past the limits together.


def fill_together(profile: Profile) -> int:
    """Rest a hundred longs one dollar below the price, each within the limits; return what a tick makes of them."""
    floor = Floor(profile)
    for number in range(100):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10, limit=64_999)
    floor.tick(64_999)
    return floor.exposure("LONG")


def test_r20_orders_that_rest_together_cannot_exceed_the_limits_together() -> None:
    """The skew limit is 0.8 times the pool."""
    assert fill_together(DEFAULT) == 159_000_000
    assert fill_together(WITHOUT_R20) == 300_000_000


def test_r20_resting_orders_far_away_take_no_room_from_anyone() -> None:
    floor = Floor()
    for number in range(100):
        floor.open(f"far-{number}", "LONG", VALUE // 10, 10, limit=1_000)
    assert answers(floor.open("A", "LONG", VALUE // 10, 10)) == ["FILLED"]


# R21: nobody receives funding in the first hour of a position.


def visit_for_the_hour(profile: Profile) -> int:
    """Be short for the second in which the hour strikes, while everybody else is long."""
    floor = Floor(profile)
    for number in range(50):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)
    floor.open("bot", "SHORT", VALUE // 50, 50)
    floor.fund()
    floor.close("bot")
    return floor.profit("bot")


def test_r21_a_visitor_of_the_hour_pays_his_fees_and_receives_nothing() -> None:
    assert visit_for_the_hour(DEFAULT) == -2_400
    assert visit_for_the_hour(WITHOUT_R21) == 1_062


# R22: after a pause, as after a start, nothing trades before a fresh tick.


def trade_at_the_price_before_the_pause(*, with_rule: bool) -> tuple[int, list[str]]:
    """The feed is paused at 65,000, the market goes to 70,000, the pause ends: buy at once.

    Without the rule the price before the pause would be current when the pause ends; a tick that repeats it stands
    for that.
    """
    floor = Floor()
    floor.admin("SetMarketHalt", enabled=True, pause_price_feed=True)
    floor.admin("SetMarketHalt", enabled=False, pause_price_feed=False)
    if not with_rule:
        floor.tick(65_000)
    said = answers(floor.open("bot", "LONG", VALUE // 50, 50))
    floor.tick(70_000)
    if floor.has_position("bot"):
        floor.close("bot")
    return floor.profit("bot"), said


def test_r22_the_price_from_before_a_pause_is_not_to_be_had() -> None:
    assert trade_at_the_price_before_the_pause(with_rule=True) == (0, ["RejectedByRiskEngine"])
    assert trade_at_the_price_before_the_pause(with_rule=False) == (211_972, ["FILLED"])


# R29: the pool cannot be emptied under open positions.


def leave_with_the_pool(profile: Profile) -> tuple[str, int]:
    """Almost all of the pool leaves while positions are open; then their owners win and want to be paid."""
    floor = Floor(profile, tlv=2_000_000)
    floor.lend("lender", 198_000_000)
    floor.rest()
    for number in range(50):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)
    told = reason(floor.withdraw("lender"))
    floor.tick(72_000)
    for number in range(50):
        floor.close(f"T{number}")
    return told, floor.shortfall


def test_r29_a_lender_cannot_leave_open_positions_without_a_pool() -> None:
    assert leave_with_the_pool(DEFAULT) == ("OI_LIMIT_REACHED", 0)
    assert leave_with_the_pool(WITHOUT_R29) == ("None", 11_058_302)


# R30: an index that is known to be behind the market takes no orders.


def follow_the_limited_index(*flags: str) -> int:
    """The market fell by 8 percent; the index follows by half a percent a tick. Be short until it has arrived."""
    floor = Floor(intake_ticks=1)
    price = 65_000.0
    floor.open("bot", "SHORT", VALUE // 50, 50)
    for _ in range(16):
        price *= 0.995
        floor.tick(price, "HEALTHY", *flags)
    floor.tick(price)
    if floor.has_position("bot"):
        floor.close("bot")
        floor.tick(price)
    return floor.profit("bot")


def test_r30_nobody_opens_on_an_index_that_is_behind_the_market() -> None:
    assert follow_the_limited_index("STEP_LIMITED") == 0
    assert follow_the_limited_index() == 231_741
