"""A search for strategies that win whatever the price does.

A strategy is a list of actions. It is played on several price paths, among traders and a lender who do what they would
do anyway; its score is what its owner ends with on the worst of them, when all he had is closed. Good ones are kept
and mutated. What the search finds in profile `reference` shows that it can find.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.economics.floor import Floor

from twilight.domain.model.profile import Profile

ACCOUNTS = 4
STEPS = 12
PATHS = (
    (0.0,) * STEPS,
    (0.004, -0.004) * (STEPS // 2),
    (0.006,) * STEPS,
    (-0.006,) * STEPS,
    (0.03, 0.0, -0.03, 0.0) * (STEPS // 4),
)
"""What the price does at each step, as a fraction; the strategy knows none of it."""
MARGINS = (1, 7, 100, 3_703, 50_000, 400_000)
DEPOSITS = (1_000, 1_499, 1_999, 100_000, 777_777, 1_000_499, 200_000_499)
LEVERAGES = (1, 2, 10, 50)
OFFSETS = (0.0, 0.00001, -0.00001, 1.0, -1.0, 500.0, -500.0, 30_000.0, -30_000.0)
NAMES = ("open", "rest", "close", "limit", "protect", "cancel", "lend", "withdraw", "fund", "wait")

Action = tuple[str, int, int, int]
Strategy = tuple[tuple[Action, ...], ...]
"""What is done at each step."""


def random_action(rng: random.Random) -> Action:
    return rng.choice(NAMES), rng.randrange(ACCOUNTS), rng.randrange(60), rng.randrange(60)


def random_strategy(rng: random.Random) -> Strategy:
    return tuple(tuple(random_action(rng) for _ in range(rng.choice((0, 0, 1, 1, 2)))) for _ in range(STEPS))


def mutated(rng: random.Random, strategy: Strategy) -> Strategy:
    """Change, add or drop an action of one step, or take a step from elsewhere."""
    steps = list(strategy)
    where = rng.randrange(STEPS)
    step = list(steps[where])
    change = rng.choice(("add", "drop", "replace", "copy"))
    if change == "copy":
        steps[where] = rng.choice(steps)
        return tuple(steps)
    if change in ("drop", "replace") and step:
        step.pop(rng.randrange(len(step)))
    if change in ("add", "replace"):
        step.insert(rng.randrange(len(step) + 1), random_action(rng))
    steps[where] = tuple(step)
    return tuple(steps)


def score(profile: Profile, strategy: Strategy) -> int:
    """Return what the owner ends with on the path that is worst for him, in sats."""
    return min(outcome(profile, strategy, path) for path in PATHS)


def outcome(profile: Profile, strategy: Strategy, path: tuple[float, ...]) -> int:
    floor = Floor(profile)
    price = 65_000.0
    _others_begin(floor)
    for step, move in zip(strategy, path, strict=True):
        for action in step:
            _act(floor, action, price)
        price *= 1 + move
        floor.tick(price)
    mine = [f"mine-{number}" for number in range(ACCOUNTS)]
    _leave(floor, mine)
    return floor.profit(*mine)


def _others_begin(floor: Floor) -> None:
    """Somebody is long and leveraged, somebody short, somebody lends."""
    floor.lend("other-lender", 50_000_000)
    floor.open("other-long", "LONG", 60_000, 50)
    floor.open("other-short", "SHORT", 300_000, 5)
    floor.open("other-long-2", "LONG", 1_000_000, 2)


def _leave(floor: Floor, mine: list[str]) -> None:
    for account in mine:
        if floor.has_position(account):
            floor.close(account)
        elif floor.has_order(account):
            floor.cancel(account)
        if floor.has_deposit(account):
            floor.withdraw(account)


def _act(floor: Floor, action: Action, price: float) -> None:
    """Carry out an action if there is what it needs; what does not apply is passed over."""
    name, number, first, second = action
    _ACTIONS[name](floor, f"mine-{number}", first, second, price)


def _open(floor: Floor, account: str, first: int, second: int, _price: float) -> None:
    side = "LONG" if first % 2 else "SHORT"
    if not floor.has_order(account):
        floor.open(account, side, MARGINS[second % len(MARGINS)], LEVERAGES[first // 2 % len(LEVERAGES)])


def _rest(floor: Floor, account: str, first: int, second: int, price: float) -> None:
    side = "LONG" if first % 2 else "SHORT"
    limit = price + OFFSETS[second % len(OFFSETS)]
    if not floor.has_order(account):
        floor.open(account, side, MARGINS[second // 9 % len(MARGINS)], LEVERAGES[first // 2 % 4], limit=limit)


def _close(floor: Floor, account: str, _first: int, _second: int, _price: float) -> None:
    if floor.has_position(account):
        floor.close(account)


def _limit(floor: Floor, account: str, first: int, _second: int, price: float) -> None:
    if floor.has_position(account):
        floor.close(account, limit=price + OFFSETS[first % len(OFFSETS)])


def _protect(floor: Floor, account: str, first: int, second: int, price: float) -> None:
    if floor.has_position(account):
        floor.protect(account, sl=price + OFFSETS[first % len(OFFSETS)], tp=price + OFFSETS[second % len(OFFSETS)])


def _cancel(floor: Floor, account: str, _first: int, _second: int, _price: float) -> None:
    if floor.has_order(account):
        floor.cancel(account)


def _lend(floor: Floor, account: str, first: int, _second: int, _price: float) -> None:
    if not floor.has_deposit(account):
        floor.lend(account, DEPOSITS[first % len(DEPOSITS)])


def _withdraw(floor: Floor, account: str, _first: int, _second: int, _price: float) -> None:
    if floor.has_deposit(account):
        floor.withdraw(account)


def _fund(floor: Floor, _account: str, _first: int, _second: int, price: float) -> None:
    floor.fund()
    floor.tick(price)


def _wait(floor: Floor, _account: str, first: int, _second: int, _price: float) -> None:
    floor.rest((0.0, 0.5, 1.0, 2.0)[first % 4])


_ACTIONS: dict[str, Callable[[Floor, str, int, int, float], None]] = {
    "open": _open,
    "rest": _rest,
    "close": _close,
    "limit": _limit,
    "protect": _protect,
    "cancel": _cancel,
    "lend": _lend,
    "withdraw": _withdraw,
    "fund": _fund,
    "wait": _wait,
}


@dataclass(order=True)
class Found:
    """A strategy and what it surely earns."""

    sure_profit: int
    strategy: Strategy = field(compare=False)


def search(profile: Profile, *, seed: int, tries: int, enough: int = 1, keep: int = 8) -> Found:
    """Return the best strategy of so many tries; stop when one earns enough on every path."""
    rng = random.Random(seed)
    best: list[Found] = []
    for number in range(tries):
        fresh = number < keep or rng.random() < 0.25
        strategy = random_strategy(rng) if fresh else mutated(rng, rng.choice(best).strategy)
        if not any(strategy):
            continue
        found = Found(score(profile, strategy), strategy)
        if found.sure_profit or len(best) < keep:  # one that never did anything teaches nothing
            best = sorted([*best, found], reverse=True)[:keep]
        if found.sure_profit >= enough:
            break
    return best[0]
