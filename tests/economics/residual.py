"""What still pays, or costs others more than fees, in profile `default`: each strategy played, each figure measured.

`docs/explanation/economics.md` lists them; `test_residual.py` holds its figures against these. Sats; the pool has
200,000,000 unless said otherwise.
"""

from collections.abc import Callable

from tests.economics.floor import Floor
from tests.property.story import reason

VALUE = 3_000_000
"""The value of one position."""
NO_LIMITS = {"max_oi_mult": 1e6, "max_net_mult": 1e6, "max_position_pct": 1e6}


def close_limit_a_hair_away() -> int:
    """Close by a limit that the price has not reached by less than a score: it rests for one tick at half the fee."""

    def fee(limit: float | None) -> int:
        floor = Floor()
        floor.open("A", "LONG", VALUE // 10, 10)
        opened = floor.fees_paid
        floor.close("A", limit=limit)
        floor.tick(65_000)
        return int(floor.fees_paid - opened)

    return fee(None) - fee(65_000.00001)


def split_into_small_positions() -> int:
    """Trade a value of 3,000,000 as 810 positions of 3,703, whose fees of 1.48 sats are rounded down twice."""

    def cost(value: int) -> int:
        floor = Floor()
        floor.open("A", "LONG", value, 1)
        floor.close("A")
        return -floor.profit("A")

    return cost(VALUE) - VALUE // 3703 * cost(3703)


def _crowd_of_longs(floor: Floor, count: int) -> None:
    for number in range(count):
        floor.open(f"T{number}", "LONG", VALUE // 10, 10)


def leave_for_the_hour() -> int:
    """A long closes just before the hour and opens again just after it, while the rate is at its largest."""

    def hour(*, leaves: bool) -> int:
        floor = Floor()
        _crowd_of_longs(floor, 40)
        floor.open("A", "LONG", VALUE // 10, 10)
        if leaves:
            floor.close("A")
        floor.fund()
        if leaves:
            floor.open("A", "LONG", VALUE // 10, 10)
        floor.close("A")
        return floor.profit("A")

    return hour(leaves=True) - hour(leaves=False)


def _fill_the_market(floor: Floor) -> list[str]:
    """Open longs and shorts, half and half, until there is no room; return whose they are."""
    accounts = [f"pair-{number}" for number in range(200)]
    for number, account in enumerate(accounts):
        floor.open(account, "LONG" if number % 2 else "SHORT", 80_000, 50)
    return accounts


def fill_the_market_against_others() -> int:
    """Take all the room there is with hedged pairs at 50x: nobody else can open, no funding is due; return the cost."""
    floor = Floor()
    accounts = _fill_the_market(floor)
    assert reason(floor.open("A", "LONG", 1000)) == "OI_LIMIT_REACHED"
    floor.fund()
    for account in accounts:
        floor.close(account)
    return -floor.profit(*accounts)


def lock_lenders_in() -> int:
    """The same pairs hold every lender: R29 refuses each withdrawal; return how many sats cannot leave."""
    floor = Floor(tlv=100_000_000)
    floor.lend("lender", 100_000_000)
    floor.rest()
    _fill_the_market(floor)
    assert reason(floor.withdraw("lender")) == "OI_LIMIT_REACHED"
    return 100_000_000


def close_on_a_limited_index() -> int:
    """The market fell by 8 percent, the index follows by half a percent a tick: a long closes at the first of them."""

    def long(*, early: bool) -> int:
        floor = Floor(intake_ticks=1)
        floor.open("A", "LONG", VALUE // 2, 2)
        floor.tick(65_000)
        for number in range(16):
            if early and number == 0:
                floor.close("A")
            floor.tick(65_000 * 0.995 ** (number + 1), "HEALTHY", "STEP_LIMITED")
        if not early:
            floor.close("A")
            floor.tick(65_000 * 0.995**16)
        return floor.profit("A")

    return long(early=True) - long(early=False)


def lend_on_a_limited_index() -> int:
    """Traders are long, the market fell by 8 percent, the index has not: lend now, stay until it has."""
    floor = Floor(intake_ticks=1)
    _crowd_of_longs(floor, 50)
    floor.tick(65_000)
    floor.tick(65_000 * 0.995, "HEALTHY", "STEP_LIMITED")
    floor.lend("bot", 200_000_000)
    for number in range(1, 16):
        floor.tick(65_000 * 0.995 ** (number + 1), "HEALTHY", "STEP_LIMITED")
    price = 65_000 * 0.995**16
    for number in range(50):
        if floor.has_position(f"T{number}"):
            floor.close(f"T{number}")
    floor.tick(price)
    floor.rest()
    floor.tick(price)
    floor.withdraw("bot")
    floor.tick(price)
    return floor.profit("bot")


def leave_on_a_limited_index() -> int:
    """Traders are long, the market rose by 8 percent, the index has not: a lender leaves before it has."""

    def lender(*, early: bool) -> int:
        floor = Floor()
        floor.lend("lender", 100_000_000)
        floor.rest()
        floor.tick(65_000)
        _crowd_of_longs(floor, 50)
        for number in range(16):
            floor.tick(65_000 * 1.005 ** (number + 1), "HEALTHY", "STEP_LIMITED")
            if early and number == 0:
                floor.withdraw("lender")
        for number in range(50):
            floor.close(f"T{number}")
        if not early:
            floor.withdraw("lender")
        return floor.profit("lender")

    return lender(early=True) - lender(early=False)


def lend_before_a_wave_of_liquidations() -> int:
    """A hedged book of 90 percent of the pool, its 50x longs about to be liquidated: lend, stay two hours, leave."""
    floor = Floor()
    for number in range(60):
        floor.open(f"L{number}", "LONG", VALUE // 50, 50)
        floor.open(f"S{number}", "SHORT", VALUE, 1)
    floor.tick(64_010)
    floor.lend("bot", 200_000_000)
    floor.tick(64_000)
    for number in range(60):
        floor.close(f"S{number}")
    floor.rest()
    floor.withdraw("bot")
    return floor.profit("bot")


def run_on_a_pool_that_owes_more_than_it_has() -> int:
    """Two with the same win; the pool can pay one. Return what the second, who closed a moment later, went without."""
    floor = Floor(tlv=10_000_000)
    floor.admin("UpdateRiskParams", **NO_LIMITS)
    for account in ("first", "second"):
        floor.open(account, "LONG", 20_000_000, 1)
    floor.tick(130_000)
    floor.close("first")
    floor.close("second")
    return floor.profit("first") - floor.profit("second")


def owe_more_than_the_margin() -> int:
    """A 50x long pays the largest funding for eleven hours, then falls to just above liquidation and closes."""
    floor = Floor()
    _crowd_of_longs(floor, 30)
    floor.open("A", "LONG", VALUE // 50, 50)
    for _ in range(11):
        floor.fund()
    floor.tick(64_090)
    events = floor.close("A")
    (record,) = [event.value[0] for event in events if event.kind == "TraderOrder"]
    booked = record["unrealized_pnl"] - 11 * VALUE * 0.00125 - record["fee_filled"] - record["fee_settled"]
    assert floor.profit("A") == -VALUE // 50
    return int(-booked) - VALUE // 50


def straddle_a_gap() -> int:
    """Long and short at 50x when the price starts again after a halt, 5 percent away, unlimited by a step."""
    floor = Floor()
    floor.open("long", "LONG", VALUE // 50, 50)
    floor.open("short", "SHORT", VALUE // 50, 50)
    floor.tick(65_000, "HALTED")
    floor.tick(65_000 * 1.05)
    floor.close("long")
    return floor.profit("long", "short")


def know_two_ticks_ahead() -> int:
    """The bot of R5 that knows the tick after the next one as well, twenty times 0.3 percent."""
    floor = Floor(intake_ticks=1)
    price = 65_000.0
    accounts = [f"bot-{number}" for number in range(20)]
    for account in accounts:
        floor.open(account, "LONG", VALUE // 50, 50)
        floor.tick(price)
        price *= 1.003
        floor.close(account)
        floor.tick(price)
    return floor.profit(*accounts)


RESIDUAL: dict[str, Callable[[], int]] = {
    function.__name__: function
    for function in (
        close_limit_a_hair_away,
        split_into_small_positions,
        leave_for_the_hour,
        fill_the_market_against_others,
        lock_lenders_in,
        close_on_a_limited_index,
        lend_on_a_limited_index,
        leave_on_a_limited_index,
        lend_before_a_wave_of_liquidations,
        run_on_a_pool_that_owes_more_than_it_has,
        owe_more_than_the_margin,
        straddle_a_gap,
        know_two_ticks_ahead,
    )
}
