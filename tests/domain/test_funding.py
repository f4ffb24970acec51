"""The hour: who pays whom, when, and what it ends (engine 2.11, 3.8, 5.3, R11, R12, R17, R21, R25)."""

from fractions import Fraction

from tests.domain.exchange import LONG, SHORT, Exchange, kinds, only, statuses

from twilight.domain.books.charging import Terms, charge_everybody, charged, is_used_up
from twilight.domain.model.events import FundingRateUpdate, TraderOrderFundingUpdate
from twilight.domain.model.inputs import FeedStatus, SetMarketHaltCall, UpdateFeesCall, UpdateRiskParamsCall
from twilight.domain.model.numbers import score
from twilight.domain.model.profile import REFERENCE


def test_nobody_receives_at_the_first_funding_after_a_fill() -> None:  # R21
    exchange = Exchange()
    exchange.open("long", LONG, 100_000, 20)
    exchange.open("short", SHORT, 100_000, 10)
    exchange.fund()
    assert exchange.order("short").available_margin_sats == 99_600
    assert exchange.order("long").available_margin_sats < 99_200
    exchange.fund()
    assert exchange.order("short").available_margin_sats > 99_600
    assert only(FundingRateUpdate, exchange.fund()).rate_pct > 0


def test_the_reference_pays_at_once() -> None:  # R21
    exchange = Exchange(REFERENCE)
    exchange.open("long", LONG, 100_000, 20)
    exchange.open("short", SHORT, 100_000, 10)
    exchange.fund()
    assert exchange.order("short").available_margin_sats > 99_600


def test_an_hour_takes_no_more_than_there_is() -> None:  # engine 2.11
    exchange = Exchange()
    exchange.open("A", LONG)
    order = exchange.order("A").copy()
    order.available_margin_sats = 1.0
    terms = Terms(0.125, 65_000.0, 0.04, 0.02, 0.4, first_pays_only=True, initial_basis=True)
    assert charged(order, terms, funded=True).available_margin_sats == 0.0


def test_an_hour_over_columns_takes_no_more_than_there_is_either() -> None:  # engine 2.11
    exchange = Exchange()
    exchange.admin(UpdateFeesCall(1.9, 1.9, 1.9, 1.9))
    exchange.open("A", LONG, 50_000, 50)  # a twentieth of the margin is left
    order, terms = exchange.order("A"), Terms(0.125, 65_000.0, 1.9, 1.9, 0.4, first_pays_only=True, initial_basis=True)
    charge_everybody(exchange.state, terms, left_out=())
    exchange.state.sync()
    left = exchange.order("A")
    assert left.available_margin_sats == 0.0
    assert left == charged(order, terms, funded=False)


def test_funding_goes_by_entry_sequence_and_ends_with_the_rate() -> None:  # R25
    exchange = Exchange()
    exchange.open("B", SHORT, limit=65_500)
    exchange.open("A", LONG)
    exchange.tick(65_500)
    made = exchange.fund()
    assert [event.order.account_id for event in made if isinstance(event, TraderOrderFundingUpdate)] == ["B", "A"]
    last = made[-1]
    assert isinstance(last, FundingRateUpdate)
    assert last.metadata is not None
    assert set(last.metadata) == {"funding_hour", "funding_index"}


def test_a_payment_of_nothing_still_moves_the_liquidation_price_and_its_trigger() -> None:  # W-36
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.open("B", SHORT)
    made = exchange.fund()
    assert kinds(made) == ["TraderOrderFundingUpdate", "TraderOrderFundingUpdate", "FundingRateUpdate"]
    before = {name: exchange.order(name).liquidation_price for name in "AB"}
    exchange.admin(UpdateRiskParamsCall(mm_ratio=2.0))
    exchange.fund()
    after = {name: exchange.order(name).liquidation_price for name in "AB"}
    assert exchange.state.funding_rate_pct == 0
    assert after["A"] > before["A"]
    assert after["B"] < before["B"]
    sets = exchange.state.triggers
    assert sets.liquidate_long.score(exchange.uuid("A")) == score(after["A"])
    assert sets.liquidate_short.score(exchange.uuid("B")) == score(after["B"])
    exchange.assert_recoverable()


def test_an_idle_rate_is_a_plain_zero() -> None:  # R17
    exchange = Exchange()
    (event,) = exchange.fund()
    assert isinstance(event, FundingRateUpdate)
    assert str(event.rate_pct) == "0.0"


def test_the_funding_index_adds_up_exactly() -> None:  # R12
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.fund()
    exchange.fund()
    step = Fraction(0.125) * 2**96 / (100 * 65_000)
    assert abs(exchange.state.funding_index - 2 * step) <= 1
    assert exchange.state.positions[exchange.uuid("A")].margin_rate_pct == 0.125
    exchange.assert_recoverable()


def test_an_hour_is_funded_at_most_once() -> None:  # W-48, R11
    exchange = Exchange()
    exchange.open("A", LONG)
    assert kinds(exchange.fund(500_000)) == ["TraderOrderFundingUpdate", "FundingRateUpdate"]
    assert exchange.fund(500_000) == []
    assert exchange.fund(499_999) == []


def test_funding_waits_for_a_tradable_price_and_for_the_operator() -> None:  # R11
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.tick(65_000, FeedStatus.HOLD)
    assert exchange.fund() == []
    exchange.tick(65_000)
    exchange.admin(SetMarketHaltCall(True, pause_funding=True))
    assert exchange.fund() == []
    exchange.admin(SetMarketHaltCall(False, pause_funding=False))
    assert kinds(exchange.fund()) == ["TraderOrderFundingUpdate", "FundingRateUpdate"]


def test_a_position_that_has_just_what_it_must_keep_is_used_up() -> None:  # engine 3.8
    exchange = Exchange()
    exchange.open("A")
    order = exchange.order("A").copy()
    for above_sats, expected in ((0.001, False), (0.0, True), (-0.001, True)):
        order.available_margin_sats = order.maintenance_margin_sats + above_sats
        assert is_used_up(order) is expected


def test_a_liquidation_by_funding_frees_exposure_account_and_triggers() -> None:  # W-15
    exchange = Exchange()
    exchange.open("A", LONG, 100_000, 40)
    exchange.legs("A", sl=64_000, tp=70_000)
    while "A" in exchange.state.trader_accounts:
        made = exchange.fund()
    assert statuses(made) == ["CancelledStopLoss", "CancelledTakeProfit", "LIQUIDATE"]
    assert kinds(made)[:3] == ["PositionSizeLogDBUpdate", "RiskEngineUpdate", "SortedSetDBUpdate"]
    assert exchange.state.exposure.long_sats == 0
    exchange.assert_recoverable()
