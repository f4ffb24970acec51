import asyncio
import random
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from tests.local.traders.exchange import Exchange

from twilight.local.traders import strategy
from twilight.local.traders.book import Book, Order, Stage
from twilight.local.traders.errors import BookError
from twilight.local.traders.run import Crew, serve_traders
from twilight.local.traders.strategy import Intent, Market
from twilight.local.traders.trader import FORGET_AFTER_S, Strategy, Trader
from twilight.ops.health import Health
from twilight.sdk import AsyncClient, Away, Keyring, Refused
from twilight.wire.client_messages import CreateTraderOrderMessage, ExecuteTraderOrderSlTpMessage


class Diary:
    """Keeps what a trader tells."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def info(self, event: str, **members: object) -> None:
        self.lines.append({"event": event} | members)


class Desk:
    """One trader at the pretend exchange, its clock in the test's hand."""

    def __init__(self, folder: Path, exchange: Exchange, wants: Strategy = strategy.player) -> None:
        self.folder, self.exchange, self.wants = folder, exchange, wants
        self.now_s = 1_000_000.0
        self.diary = Diary()
        self.rng = random.Random(5)
        self.restart()

    def restart(self) -> None:
        self.book = Book.open(self.folder / "book.json")
        self.keyring = Keyring.open(self.folder / "keys.json")

    def turns(self, count: int = 1, *, every_s: float = 3.0) -> bool:
        async def main() -> bool:
            went_well = True
            transport = httpx.ASGITransport(self.exchange)
            async with AsyncClient("http://exchange", transport=transport) as client:
                trader = Trader(
                    "alice",
                    client=client,
                    keyring=self.keyring,
                    book=self.book,
                    strategy=self.wants,
                    rng=self.rng,
                    clock=lambda: self.now_s,
                    log=self.diary,
                )
                for _ in range(count):
                    went_well = await trader.turn()
                    self.now_s += every_s
            return went_well

        return asyncio.run(main())


def only(*intents: Intent) -> Strategy:
    """A trader with a plan: one intent a turn, then rest."""
    plan: Iterator[Intent] = iter(intents)

    def wants(rng: random.Random, now_s: float, live: Sequence[Order], market: Market) -> Intent:
        del rng, now_s, live, market
        return next(plan, strategy.Rest())

    return wants


OPEN = strategy.OpenPosition("LONG", 10_000, 5, None)
LIMIT = strategy.OpenPosition("SHORT", 10_000, 5, 61_000.0)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep

    async def nap(seconds: float) -> None:
        del seconds
        await sleep(0)

    monkeypatch.setattr("twilight.sdk.client.asyncio.sleep", nap)


def test_an_hour_of_trading_opens_closes_cancels_and_sets_triggers(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange)
    desk.turns(300, every_s=12)
    asked = [line["action"] for line in desk.diary.lines if line["event"] == "asked"]
    assert {str(action).split()[0] for action in asked} == {"open", "close", "cancel", "stop"}
    assert len(desk.book.live) <= strategy.PLAYER_ORDERS_MAX
    ends = {line["status"] for line in desk.diary.lines if line.get("stage") == "done"}
    assert ends == {"SETTLED", "CANCELLED"}
    assert any(str(action).startswith("close at") for action in asked)


def test_an_account_is_never_used_twice(tmp_path: Path, exchange: Exchange) -> None:
    Desk(tmp_path, exchange).turns(100, every_s=10)
    opens = [m.order.account_id for m in exchange.messages if isinstance(m, CreateTraderOrderMessage)]
    assert len(opens) == len(set(opens)) > 10


def test_a_lender_deposits_and_withdraws(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, strategy.lender)
    desk.turns(150, every_s=10)
    ends = [line["status"] for line in desk.diary.lines if line.get("stage") == "done"]
    assert len(ends) > 3
    assert set(ends) == {"SETTLED"}
    assert 0 < len(desk.book.live) <= strategy.LENDER_ORDERS_MAX


def test_every_answer_is_logged_with_its_request_id(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, only(OPEN))
    desk.turns(2)
    asked, answer = desk.diary.lines
    assert (asked["event"], asked["request_id"]) == ("asked", "REQID1")
    assert (answer["status"], answer["request_id"], answer["stage"]) == ("FILLED", "REQID1", "open")


def test_a_trader_that_starts_again_goes_on_where_it_was(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, only(OPEN))
    desk.turns(2)
    desk.restart()
    (order,) = desk.book.live
    desk.wants = only(strategy.Close(order, None))
    desk.turns(2)
    assert desk.book.live == []
    assert exchange.statuses(desk.keyring.identity(0).address) == ["FILLED", "SETTLED"]


def test_an_order_whose_acknowledgement_was_lost_is_found_by_its_account(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, only(OPEN))
    desk.turns(1)
    order = desk.book.live[0]
    order.request_id = ""
    desk.turns(1)
    assert (order.stage, order.status) == (Stage.OPEN, "FILLED")


def test_a_resting_order_is_filled_or_cancelled(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, only(LIMIT))
    desk.turns(2)
    (order,) = desk.book.live
    assert order.stage is Stage.PENDING
    exchange.fill(desk.keyring.identity(0).address)
    desk.turns(1)
    assert order.stage is Stage.OPEN


@pytest.mark.parametrize(("side", "stop_is_below"), [("LONG", True), ("SHORT", False)])
def test_a_stop_stands_where_the_side_loses(
    tmp_path: Path, exchange: Exchange, side: str, *, stop_is_below: bool
) -> None:
    desk = Desk(tmp_path, exchange, only(strategy.OpenPosition(side, 10_000, 5, None)))
    desk.turns(2)
    desk.wants = only(strategy.SetTriggers(desk.book.live[0], 59_000.0, 61_000.0))
    desk.turns(1)
    triggers = exchange.messages[-1]
    assert isinstance(triggers, ExecuteTraderOrderSlTpMessage)
    assert triggers.sltp is not None
    assert (triggers.sltp.sl == 59_000.0) is stop_is_below
    assert (triggers.sltp.tp == 61_000.0) is stop_is_below


def test_a_refused_order_is_over_and_said_to_be_refused(tmp_path: Path, exchange: Exchange) -> None:
    exchange.verdict = "RejectedByRiskEngine"
    desk = Desk(tmp_path, exchange, only(OPEN))
    assert desk.turns(1)
    assert not desk.turns(1)
    assert desk.book.live == []


def test_a_refusal_by_the_api_ends_the_order_and_the_turn(tmp_path: Path, exchange: Exchange) -> None:
    exchange.refusal = "Invalid order params"
    desk = Desk(tmp_path, exchange, only(OPEN))
    with pytest.raises(Refused):
        desk.turns(1)
    assert desk.book.live == []
    assert desk.diary.lines[-1]["event"] == "refused"


def test_a_turn_at_a_closed_door_changes_nothing(tmp_path: Path, exchange: Exchange) -> None:
    desk = Desk(tmp_path, exchange, only(OPEN))
    exchange.status = 503
    with pytest.raises(Away):
        desk.turns(1)
    assert desk.book.live == []
    exchange.status = 200
    assert desk.turns(1)


def test_an_order_without_any_answer_is_given_up(tmp_path: Path, exchange: Exchange) -> None:
    exchange.mute = True
    desk = Desk(tmp_path, exchange, only(OPEN))
    desk.turns(2, every_s=FORGET_AFTER_S / 2)
    assert len(desk.book.live) == 1
    desk.turns(2)
    assert desk.book.live == []
    assert desk.diary.lines[-1]["status"] == "unanswered"


def test_books_and_keys_are_for_their_owner_alone(tmp_path: Path, exchange: Exchange) -> None:
    Desk(tmp_path, exchange, only(OPEN)).turns(1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"book.json": 0o600, "keys.json": 0o600}


def test_a_damaged_book_is_named(tmp_path: Path) -> None:
    (tmp_path / "book.json").write_text("{")
    with pytest.raises(BookError, match=r"book\.json is no trader's book"):
        Book.open(tmp_path / "book.json")


def test_positions_stay_well_within_the_risk_limits() -> None:
    rng, market = random.Random(1), Market(60_000.0, 200_000_000)
    wanted = [strategy.player(rng, 0.0, [], market) for _ in range(500)]
    sizes = [w.margin_sats * w.leverage for w in wanted if isinstance(w, strategy.OpenPosition)]
    assert max(sizes) < 0.02 * market.pool_sats / 5


def test_limit_orders_rest_on_their_own_side_of_the_price() -> None:
    rng, market = random.Random(1), Market(60_000.0, 200_000_000)
    wanted = [strategy.player(rng, 0.0, [], market) for _ in range(500)]
    limits = [w for w in wanted if isinstance(w, strategy.OpenPosition) and w.limit_price is not None]
    assert {w.side: w.limit_price < 60_000 for w in limits if w.limit_price} == {"LONG": True, "SHORT": False}


def test_traders_stop_when_told_to_and_keep_trying_while_the_exchange_is_away(tmp_path: Path) -> None:
    health, diary = Health(), Diary()

    class Stop:
        async def wait(self) -> None:
            while len(diary.lines) < 4:  # noqa: ASYNC110 - the diary has no event
                await asyncio.sleep(0.01)

    crew = Crew(url="http://127.0.0.1:9", folder=tmp_path, traders=3, lenders=1, pace_s=0.01)
    asyncio.run(asyncio.wait_for(serve_traders(crew, Stop(), diary, health), 30))
    assert {line["event"] for line in diary.lines} == {"away"}
    assert {line["trader"] for line in diary.lines} == {"trader-1", "trader-2", "trader-3", "lender-1"}
    assert not health.ready()
