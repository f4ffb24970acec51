"""The golden traces of the engine specification, sections 15 and 15b, digit by digit."""

from collections.abc import Callable

from tests.domain.exchange import LONG, SHORT, Exchange

from twilight.domain.model.profile import DEFAULT, REFERENCE, Profile

Look = Callable[[Exchange], object]
Step = tuple[str, Callable[[Exchange], object], dict[str, tuple[Look, object]]]


def trader(account: str, name: str) -> Look:
    return lambda exchange: getattr(exchange.order(account), name)


def lender(name: str) -> Look:
    return lambda exchange: getattr(exchange.deposit("C").order, name)


def last(kind: str, path: str) -> Look:
    def look(exchange: Exchange) -> object:
        found: object = [event for event in exchange.events if event.kind == kind][-1]
        for name in path.split("."):
            found = getattr(found, name)
        return found

    return look


def tlv(exchange: Exchange) -> object:
    return exchange.state.pool.total_locked_value_sats


def tps(exchange: Exchange) -> object:
    return exchange.state.pool.total_pool_share


def nonce(exchange: Exchange) -> object:
    return exchange.state.pool.nonce


def open_sizes(exchange: Exchange) -> object:
    return (exchange.state.exposure.long_size, exchange.state.exposure.short_size)


def settled(name: str) -> Look:
    return last("TraderOrder", f"order.{name}")


STEPS_1_TO_3: list[Step] = [
    (
        "1 tick 65 000",
        lambda e: e.tick(65_000),
        {
            "CurrentPrice": (lambda e: e.state.price, 65_000.0),
        },
    ),
    (
        "2 A opens LONG MARKET 100 000 x 10",
        lambda e: e.open("A", LONG, 100_000, 10),
        {
            "status": (trader("A", "status"), "FILLED"),
            "E": (trader("A", "entry_price"), 65_000.0),
            "P": (trader("A", "position_size"), 65_000_000_000.0),
            "fee": (trader("A", "fee_filled_sats"), 400.0),
            "A": (trader("A", "available_margin_sats"), 99_600.0),
            "K": (trader("A", "maintenance_margin_sats"), 4_440.0),
            "Q": (trader("A", "liquidation_price"), 59330.388112015775),
            "long exposure": (lambda e: e.state.exposure.long_sats, 1_000_000),
        },
    ),
    (
        "3 B rests SHORT LIMIT 66 000, 50 000 x 5",
        lambda e: e.open("B", SHORT, 50_000, 5, limit=66_000),
        {
            "status": (trader("B", "status"), "PENDING"),
            "P": (trader("B", "position_size"), 16_500_000_000.0),
            "K": (trader("B", "maintenance_margin_sats"), 1_040.0),
            "Q": (trader("B", "liquidation_price"), 82073.21925984879),
            "A": (trader("B", "available_margin_sats"), 50_000.0),
            "fee": (trader("B", "fee_filled_sats"), 0.0),
            "pending short": (lambda e: e.state.exposure.pending_short_sats, 250_000),
        },
    ),
]

STEP_5: Step = (
    "5 tick 66 000 fills B",
    lambda e: e.tick(66_000),
    {
        "status": (trader("B", "status"), "FILLED"),
        "E": (trader("B", "entry_price"), 66_000.0),
        "fee": (trader("B", "fee_filled_sats"), 50.0),
        "A": (trader("B", "available_margin_sats"), 49_950.0),
        "K": (trader("B", "maintenance_margin_sats"), 1_040.0),
        "Q": (trader("B", "liquidation_price"), 82073.21925984879),
    },
)

FUNDED = {
    "rate": (last("FundingRateUpdate", "rate_pct"), 0.04426681470887124),
    "A margin": (trader("A", "available_margin_sats"), 99164.038946049),
    "A K": (trader("A", "maintenance_margin_sats"), 4926.934961797583),
    "A Q": (trader("A", "liquidation_price"), 59356.76995007857),
    "B K": (trader("B", "maintenance_margin_sats"), 1128.5336294177425),
    "B Q": (trader("B", "liquidation_price"), 82037.09191457384),
}

STEP_8: Step = (
    "8 tick 82 038 liquidates B",
    lambda e: e.tick(82_038),
    {
        "payment": (
            lambda e: [
                event.command.payment_sats for event in e.events if event.agg_id.startswith("AddTraderOrderLiquidation")
            ],
            [-50_000.0],
        ),
        "TLV": (tlv, 201_036_078),
        "nonce": (nonce, 4),
        "all sizes": (open_sizes, (0, 0)),
    },
)

REFERENCE_TRACE: list[Step] = [
    *STEPS_1_TO_3,
    (
        "4 C lends 1 000 000",
        lambda e: e.lend("C", 1_000_000),
        {
            "npoolshare": (lender("npoolshare"), 10_000_000.0),
            "TLV": (tlv, 201_000_000),
            "TPS": (tps, 201_000),
            "nonce": (nonce, 2),
        },
    ),
    STEP_5,
    (
        "6 funding",
        lambda e: e.fund(),
        {**FUNDED, "B margin": (trader("B", "available_margin_sats"), 50060.66703677218)},
    ),
    (
        "7 A closes at 66 000",
        lambda e: e.close("A"),
        {
            "u": (settled("unrealized_pnl_sats"), 15_152.0),
            "close fee": (settled("fee_settled_sats"), 393.93939393939394),
            "payment": (
                lambda e: [x.command.payment_sats for x in e.events if x.agg_id == "AddTraderOrderSettlement"],
                [13922.060606060606],
            ),
            "payout": (settled("available_margin_sats"), 113_922.0),
            "TLV": (tlv, 200_986_078),
            "nonce": (nonce, 3),
            "long size": (lambda e: e.state.exposure.long_size, 0),
        },
    ),
    STEP_8,
    (
        "9 C withdraws",
        lambda e: e.withdraw("C"),
        {
            "withdraw": (last("LendOrder", "order.new_lend_state_amount_sats"), 1_000_179.0),
            "nwithdraw": (last("LendOrder", "order.nwithdraw"), 10_001_794_925.0),
            "payment": (last("LendOrder", "order.payment_sats"), 179.0),
            "TLV": (tlv, 200_035_899),
            "TPS": (tps, 200_000),
            "nonce": (nonce, 5),
            "share price": (lambda e: tlv(e) / tps(e), 1000.179495),
        },
    ),
]

DEFAULT_TRACE: list[Step] = [
    *STEPS_1_TO_3,
    (
        "4 C lends 1 000 000",
        lambda e: e.lend("C", 1_000_000),
        {
            "npoolshare": (lender("npoolshare"), 9_990_000.0),
            "TLV": (tlv, 201_000_000),
            "TPS": (tps, 200_999),
            "nonce": (nonce, 2),
        },
    ),
    STEP_5,
    (
        "6 funding",
        lambda e: e.fund(),
        {**FUNDED, "B margin": (trader("B", "available_margin_sats"), 49_950.0)},
    ),
    (
        "7 A closes at 66 000",
        lambda e: e.close("A"),
        {
            "payment": (
                lambda e: [x.command.payment_sats for x in e.events if x.agg_id == "AddTraderOrderSettlement"],
                [13_922.0],
            ),
            "payout": (settled("available_margin_sats"), 113_922.0),
            "TLV": (tlv, 200_986_078),
            "nonce": (nonce, 3),
        },
    ),
    STEP_8,
    (
        "9 C withdraws",
        lambda e: e.withdraw("C"),
        {
            "withdraw": (last("LendOrder", "order.new_lend_state_amount_sats"), 999_184.0),
            "nwithdraw": (last("LendOrder", "order.nwithdraw"), 9_991_840_000.0),
            "payment": (last("LendOrder", "order.payment_sats"), -816.0),
            "TLV": (tlv, 200_036_894),
            "TPS": (tps, 200_000),
            "nonce": (nonce, 5),
        },
    ),
]


def play(profile: Profile, trace: list[Step]) -> Exchange:
    exchange = Exchange(profile, price=None)
    for name, act, expected in trace:
        act(exchange)
        found = {what: look(exchange) for what, (look, _) in expected.items()}
        assert (name, found) == (name, {what: figure for what, (_, figure) in expected.items()})
    return exchange


def test_the_golden_trace_of_the_reference_profile_is_met_to_the_last_digit() -> None:
    exchange = play(REFERENCE, REFERENCE_TRACE)
    assert (
        exchange.state.pool.total_locked_value_sats + 1_000_179 + 113_922 == 200_000_000 + 1_000_000 + 100_000 + 50_000
    )
    exchange.assert_recoverable()


def test_the_golden_trace_of_the_default_profile_is_met_to_the_last_digit() -> None:
    exchange = play(DEFAULT, DEFAULT_TRACE)
    assert exchange.state.pool.total_locked_value_sats + 999_184 + 113_922 == 201_150_000
    exchange.assert_recoverable()
