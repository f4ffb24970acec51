"""`simulate` on the golden traces of engine.md 15 and 15b: the numbers of the specification, from bytes to bytes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from twilight.core.simulate import SimulationFault, simulate

A, B, C = (f"0000000{n}-0000-4000-8000-000000000000" for n in (1, 2, 3))


def command(kind: str, order: dict[str, object], request_id: str) -> dict[str, object]:
    return {kind: [order, {"metadata": {}}, "00", request_id]}


def open_order(account: str, side: str, kind: str, margin: float, leverage: float, limit: float) -> dict[str, object]:
    return {
        "account_id": account,
        "position_type": side,
        "order_type": kind,
        "leverage": leverage,
        "initial_margin": margin,
        "available_margin": margin,
        "order_status": "PENDING",
        "entryprice": limit,
        "execution_price": limit,
    }


def trace(profile: str) -> list[dict[str, object]]:
    open_a = command("CreateTraderOrder", open_order("A", "LONG", "MARKET", 100_000.0, 10.0, 0.0), "REQ-A")
    open_b = command("CreateTraderOrder", open_order("B", "SHORT", "LIMIT", 50_000.0, 5.0, 66_000.0), "REQ-B")
    lend = {"account_id": "C", "balance": 1e6, "order_type": "LEND", "order_status": "PENDING", "deposit": 1e6}
    close = {"account_id": "A", "uuid": A, "order_type": "MARKET", "settle_margin": 0.0}
    close |= {"order_status": "FILLED", "execution_price": 0.0}
    withdraw = {"account_id": "C", "uuid": C, "order_type": "LEND", "settle_withdraw": 0.0}
    withdraw |= {"order_status": "FILLED", "poolshare_price": 0.0}
    return [
        {"genesis": {"tlv": 200_000_000, "tps": 200_000}, "profile": profile},
        {"now": "2026-04-10T08:00:00+00:00", "tick": {"price": 65_000, "status": "HEALTHY", "flags": []}},
        {"now": "2026-04-10T08:00:01+00:00", "command": open_a, "uuid": A},
        {"now": "2026-04-10T08:00:02+00:00", "command": open_b, "uuid": B},
        {"now": "2026-04-10T08:00:03+00:00", "command": command("CreateLendOrder", lend, "REQ-C"), "uuid": C},
        {"now": "2026-04-10T08:00:04+00:00", "tick": {"price": 66_000}},
        {"now": "2026-04-10T09:00:00+00:00", "funding_hour": 493_185},
        {"now": "2026-04-10T09:00:01+00:00", "command": command("ExecuteTraderOrder", close, "REQ-A2")},
        {"now": "2026-04-10T09:00:02+00:00", "tick": {"price": 82_038}},
        {"now": "2026-04-10T10:00:00+00:00", "command": command("ExecuteLendOrder", withdraw, "REQ-C2")},
    ]


def lines(inputs: list[Any]) -> list[bytes]:
    return [line if isinstance(line, bytes) else json.dumps(line).encode() for line in inputs]


def events(inputs: list[Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    for line in map(json.loads, simulate(lines(inputs))):
        (kind, payload), *_ = line["value"].items()
        yield line["key"], kind, payload


class Story:
    """The events of a trace by kind, in order."""

    def __init__(self, profile: str) -> None:
        self.events = [(kind, payload) for _, kind, payload in events(trace(profile))]

    def of(self, kind: str) -> list[Any]:
        return [payload for found, payload in self.events if found == kind]

    def orders(self, uuid: str) -> list[dict[str, Any]]:
        kinds = ("TraderOrder", "TraderOrderUpdate", "TraderOrderFundingUpdate", "TraderOrderLiquidation", "LendOrder")
        return [p[0] for kind, p in self.events if kind in kinds and p[0]["uuid"] == uuid]

    def pools(self) -> list[tuple[int, float, float]]:
        return [(p["nonce"], p["total_locked_value"], p["total_pool_share"]) for _, p, _ in self.of("PoolUpdate")]


def figures(order: dict[str, Any], names: str) -> list[Any]:
    return [order[name] for name in names.split()]


COMMON = "entryprice positionsize fee_filled available_margin maintenance_margin liquidation_price"


@pytest.mark.parametrize("profile", ["reference", "default"])
def test_the_opens_and_the_fill_have_the_figures_of_steps_2_3_and_5(profile: str) -> None:
    story = Story(profile)
    assert figures(story.orders(A)[0], COMMON) == [
        65_000.0,
        65_000_000_000.0,
        400.0,
        99_600.0,
        4_440.0,
        59_330.388112015775,
    ]
    resting, filled = story.orders(B)[:2]
    assert figures(resting, COMMON) == [66_000.0, 16_500_000_000.0, 0.0, 50_000.0, 1_040.0, 82_073.21925984879]
    assert figures(filled, COMMON) == [66_000.0, 16_500_000_000.0, 50.0, 49_950.0, 1_040.0, 82_073.21925984879]


def test_funding_of_step_6_in_profile_reference() -> None:
    story = Story("reference")
    assert story.of("FundingRateUpdate")[1][:2] == [0.04426681470887124, 66_000.0]
    a, b = (rows[-2] for rows in (story.orders(A), story.orders(B)))
    names = "available_margin maintenance_margin liquidation_price"
    assert figures(a, names) == [99_164.038946049, 4_926.934961797583, 59_356.76995007857]
    assert figures(b, names) == [50_060.66703677218, 1_128.5336294177425, 82_037.09191457384]


def test_in_profile_default_nobody_receives_in_his_first_hour() -> None:
    funded = Story("default").orders(B)[-2]
    names = "available_margin maintenance_margin liquidation_price"
    assert figures(funded, names) == [49_950.0, 1_128.5336294177425, 82_037.09191457384]


@pytest.mark.parametrize(
    ("profile", "payment", "pools"),
    [
        (
            "reference",
            13_922.060606060606,
            [
                (2, 201_000_000, 201_000),
                (3, 200_986_078, 201_000),
                (4, 201_036_078, 201_000),
                (5, 200_035_899, 200_000),
            ],
        ),
        (
            "default",
            13_922.0,
            [
                (2, 201_000_000, 200_999),
                (3, 200_986_078, 200_999),
                (4, 201_036_078, 200_999),
                (5, 200_036_894, 200_000),
            ],
        ),
    ],
)
def test_the_pool_goes_through_the_states_of_the_trace(
    profile: str, payment: float, pools: list[tuple[int, int, int]]
) -> None:
    story = Story(profile)
    assert list(dict.fromkeys(story.pools()))[1:] == pools
    settlement = next(
        p[0]["AddTraderOrderSettlement"] for p in story.of("PoolUpdate") if "AddTraderOrderSettlement" in p[0]
    )
    assert settlement[2] == payment
    assert story.orders(A)[-1]["available_margin"] == 113_922.0
    assert story.orders(B)[-1]["order_status"] == "LIQUIDATE"


@pytest.mark.parametrize(
    ("profile", "shares", "withdrawn", "nwithdraw", "payment"),
    [
        ("reference", 10_000_000.0, 1_000_179.0, 10_001_794_925.0, 179.0),
        ("default", 9_990_000.0, 999_184.0, 9_991_840_000.0, -816.0),
    ],
)
def test_the_lender_gets_the_figures_of_steps_4_and_9(
    profile: str, shares: float, withdrawn: float, nwithdraw: float, payment: float
) -> None:
    lent, returned = Story(profile).orders(C)
    assert lent["npoolshare"] == shares
    assert figures(returned, "new_lend_state_amount nwithdraw payment") == [withdrawn, nwithdraw, payment]


def test_equal_files_give_equal_bytes() -> None:
    assert list(simulate(lines(trace("default")))) == list(simulate(lines(trace("default"))))


def test_every_command_carries_its_request_id_into_the_keys_of_its_events() -> None:
    ids = {
        key["metadata"]["request_id"]
        for key, _, _ in events(trace("default"))
        if "request_id" in (key["metadata"] or {})
    }
    assert ids == {"REQ-A", "REQ-B", "REQ-C", "REQ-A2", "REQ-C2"}


def test_without_a_first_line_the_exchange_is_the_default_one() -> None:
    first = list(events([{"now": "2026-04-10T08:00:00+00:00", "tick": {"price": 65_000}}]))
    assert [kind for _, kind, _ in first] == [
        "FeeUpdate",
        "RiskParamsUpdate",
        "Stop",
        "LendOrder",
        "PoolUpdate",
        "FundingRateUpdate",
        "CurrentPriceUpdate",
    ]


@pytest.mark.parametrize("junk", [5, "text", None, {"Foo": []}, [1, 2], {"CreateTraderOrder": [1]}])
def test_what_is_no_command_is_answered(junk: object) -> None:
    (*_, (_, kind, payload)) = events([{"now": "2026-04-10T08:00:00+00:00", "command": junk}])
    assert (kind, payload["order_status"]) == ("TxHash", "SerializationError")
    assert payload["order_id"] == "00000000-0000-0000-0000-000000000000"


def test_an_old_order_is_refused_by_its_brokers_time() -> None:
    inputs = trace("default")[:3]
    inputs[2] |= {"broker_ts": "2026-04-10T07:58:00+00:00"}
    (*_, (_, _, payload)) = events(inputs)
    assert payload["order_status"] == "RejectedByRiskEngine"
    assert payload["reason"].startswith("COMMAND_TOO_OLD")


def test_an_administrators_call_is_an_input_like_any_other() -> None:
    inputs = [
        {"now": "2026-04-10T08:00:00+00:00", "admin": {"method": "SetMarketCloseOnly", "params": {"enabled": True}}}
    ]
    (*_, (key, kind, payload)) = events(inputs)
    assert (kind, key["agg_id"]) == ("RiskEngineUpdate", "SetManualCloseOnly")
    assert payload[1]["manual_close_only"] is True


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello", "line 2"),
        ({"now": "2026-04-10T08:00:00+00:00"}, "expected now and one of"),
        ({"tick": {"price": 1}}, "expected now and one of"),
        ({"now": "yesterday", "tick": {"price": 1}}, "line 2"),
        ({"now": "2026-04-10T08:00:00+00:00", "tick": {"price": 1}, "funding_hour": 1}, "expected now and one of"),
        ({"now": "2026-04-10T08:00:00+00:00", "admin": {"method": "CheckVector"}}, "Method not found"),
        ({"genesis": {}}, "first line only"),
        ({"now": "2026-04-10T08:00:00", "tick": {"price": 1}}, "expected a time with its offset from UTC"),
    ],
)
def test_a_line_that_cannot_be_carried_out_is_named(line: object, said: str) -> None:
    with pytest.raises(SimulationFault, match=said):
        list(simulate(lines([{"profile": "default"}, line])))


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(SimulationFault, match="profile must be one of"):
        list(simulate(lines([{"profile": "generous"}])))
