"""What the JSON codecs accept, refuse and write, case by case of wire.md 2 and 3."""

import json
import math

import msgspec
import pytest

from twilight.wire.commands import (
    RECALCULATE,
    CreateLendOrderCommand,
    RpcCommand,
    SortedSetCommand,
    decode_command,
    encode_command,
)
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.events import (
    CurrentPriceUpdateEvent,
    FundingRateUpdateEvent,
    LendOrderEvent,
    PoolUpdateEvent,
    RiskEngineUpdateEvent,
    SortedSetDBUpdateEvent,
    StopEvent,
    TxHashEvent,
    decode_event,
    encode_event,
    kind_of,
)
from twilight.wire.failed import decode_failed, encode_failed
from twilight.wire.keys import EVENT_VERSION, EventKey, decode_key, encode_key
from twilight.wire.types import CreateLendOrder, Meta, Tagged

UUID = "7360bc3f-2ffd-4053-ab91-17dac06a02f2"
TIME = "2026-04-10T08:00:00.250+00:00"
TX_HASH = {
    "order_id": UUID,
    "account_id": "a",
    "tx_hash": "",
    "order_type": "MARKET",
    "order_status": "FILLED",
    "datetime": TIME,
    "output": None,
    "request_id": "r",
    "reason": None,
    "old_price": None,
    "new_price": None,
}
POOL = {
    "sequence": 0,
    "nonce": 1,
    "total_pool_share": 1.0,
    "total_locked_value": 1.0,
    "pending_orders": {"nonce": 0, "len": 0, "amount": 0.0, "trader_order_data": []},
    "aggrigate_log_sequence": 2,
    "last_snapshot_id": 0,
}
LEND = {"account_id": "a", "balance": 1.0, "order_type": "LEND", "order_status": "PENDING", "deposit": 1.0}
STATE = {
    "total_long_btc": 1.0,
    "total_short_btc": 2.0,
    "total_pending_long_btc": 0.0,
    "total_pending_short_btc": 0.0,
    "manual_halt": False,
    "manual_close_only": False,
    "pause_funding": False,
    "pause_price_feed": False,
}


def value(kind: str, payload: object) -> bytes:
    return json.dumps({kind: payload}).encode()


def reason(data: bytes | None) -> str:
    with pytest.raises(Quarantine) as refusal:
        decode_event(data, 0)
    return refusal.value.reason


def without(members: dict[str, object], *names: str) -> dict[str, object]:
    return {name: found for name, found in members.items() if name not in names}


# --- numbers and texts ------------------------------------------------------------------------------


def test_doubles_are_written_in_the_newer_dialect_of_serde() -> None:
    event = FundingRateUpdateEvent(-2.604166666666667e-7, 1.5e16, "e16,1e16")
    written = b'{"FundingRateUpdate":[-2.604166666666667e-7,1.5e+16,"e16,1e16"]}'
    assert written == encode_event(event)
    assert event == decode_event(written, None)
    assert event == decode_event(written.replace(b"e+16", b"e16"), None)


def test_a_whole_number_that_stands_for_a_double_is_written_as_a_double() -> None:
    assert encode_event(CurrentPriceUpdateEvent(65000, "t")) == b'{"CurrentPriceUpdate":[65000.0,"t"]}'


def test_the_sign_of_zero_survives() -> None:
    assert encode_event(CurrentPriceUpdateEvent(-0.0, "t")) == b'{"CurrentPriceUpdate":[-0.0,"t"]}'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_never_written(number: float) -> None:
    with pytest.raises(Unencodable):
        encode_event(CurrentPriceUpdateEvent(number, "t"))
    with pytest.raises(Unencodable):
        encode_event(TxHashEvent(*without(TX_HASH, "new_price").values(), new_price=number))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_the_database_cannot_hold_is_never_written(text: str) -> None:
    with pytest.raises(Unencodable):
        encode_event(StopEvent(text))


def test_text_that_only_looks_like_nul_is_text() -> None:
    event = StopEvent("back\\u0000slash")
    assert event == decode_event(encode_event(event), None)


def test_null_for_a_double_is_read_as_not_a_number() -> None:
    event = decode_event(value("CurrentPriceUpdate", [None, TIME]), 0)
    assert isinstance(event, CurrentPriceUpdateEvent)
    assert math.isnan(event.price)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "TOMBSTONE"),
        (b"", "NOT_JSON"),
        (b"\xff", "NOT_UTF8"),
        (b'\xef\xbb\xbf{"Stop":"x"}', "NOT_JSON"),
        (b'{"Stop":"x"}{', "NOT_JSON"),
        (b'{"Stop":"\x01"}', "NOT_JSON"),
        (b'{"Stop":"a\\u0000"}', "NUL_IN_TEXT"),
        (b'{"Stop":"\\udc00"}', "LONE_SURROGATE"),
        (b'{"CurrentPriceUpdate":[NaN,"t"]}', "NON_FINITE"),
        (b'{"CurrentPriceUpdate":[-Infinity,"t"]}', "NON_FINITE"),
        (b'{"CurrentPriceUpdate":[1e999,"t"]}', "NON_FINITE"),
        (b'{"CurrentPriceUpdate":[1' + b"0" * 399 + b',"t"]}', "NON_FINITE"),
        (b'{"CurrentPriceUpdate":[1' + b"0" * 5000 + b',"t"]}', "NON_FINITE"),
        (b'{"CurrentPriceUpdate":["1","t"]}', "WRONG_TYPE"),
        (b'{"CurrentPriceUpdate":[true,"t"]}', "WRONG_TYPE"),
        (b'{"CurrentPriceUpdate":[1.0]}', "MISSING_MEMBER"),
        (b'{"CurrentPriceUpdate":{"price":1.0}}', "WRONG_TYPE"),
        (b'"Stop"', "WRONG_TYPE"),
        (b'"Foo"', "UNKNOWN_EVENT"),
        (b'{"Foo":1}', "UNKNOWN_EVENT"),
        (b"{}", "NOT_A_MESSAGE"),
        (b"[]", "NOT_A_MESSAGE"),
        (b"null", "NOT_A_MESSAGE"),
        (b'{"Stop":"a","FeeUpdate":1}', "NOT_A_MESSAGE"),
        (b'{"Stop":"a","Stop":"b"}', "DUPLICATE_MEMBER"),
        (b'{"RiskEngineUpdate":["Foo",{}]}', "UNKNOWN_VARIANT"),
        (b'{"FeeUpdate":[{"Foo":[]},"t"]}', "UNKNOWN_VARIANT"),
        (b'{"FeeUpdate":[{"RpcCommandPoolupdate":null},"t"]}', "WRONG_TYPE"),
        (b'{"FeeUpdate":["RpcCommandPoolupdate","t"]}', "WRONG_TYPE"),
        (b"[" * 100_000 + b"]" * 100_000, "TOO_DEEP"),
    ],
)
def test_what_cannot_be_read_is_quarantined_with_its_reason(data: bytes | None, expected: str) -> None:
    assert expected == reason(data)


def test_a_doubled_member_of_a_structure_is_refused_and_one_of_metadata_wins_last() -> None:
    params = b'{"RiskParamsUpdate":{"max_oi_mult":4.0,"max_oi_mult":4.0}}'
    assert reason(params) == "DUPLICATE_MEMBER"
    cancel = b'{"CancelTraderOrder":[{"account_id":"a","uuid":"%s","order_type":"LIMIT","order_status":"PENDING"},'
    command = decode_command(cancel % UUID.encode() + b'{"metadata":{"a":"1","a":"2"}},"00","r"]}')
    assert Meta({"a": "2"}) == command.CancelTraderOrder.meta  # type: ignore[union-attr]


# --- integers and identifiers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, None), (2**63, None), (2**64 - 1, None), (2**64, "OUT_OF_RANGE"), (-1, "OUT_OF_RANGE"), (2.0, "WRONG_TYPE")],
)
def test_a_sequence_number_has_64_bits(number: float, expected: str | None) -> None:
    batch = {"BatchExecuteTraderOrder": {"RpcCommandPoolupdate": []}}
    data = json.dumps({"PoolUpdate": [batch, None, number]}, separators=(",", ":")).encode()
    if expected is None:
        assert data == encode_event(decode_event(data, 0))
    else:
        assert expected == reason(data)


@pytest.mark.parametrize(
    ("number", "accepted"), [(2**127 - 1, True), (-(2**127), True), (2**127, False), (-(2**127) - 1, False)]
)
def test_a_committed_number_has_128_bits_with_sign(number: int, accepted: bool) -> None:  # noqa: FBT001 - parametrised
    zeros = [0] * 32
    commitment = {"Open": {"value": {"Integer": number}, "blinding": zeros}}
    body = {
        "nonce": 1,
        "script_address": "s",
        "owner": "o",
        "commitment": commitment,
        "state_variables": None,
        "timebounds": 0,
    }
    output = {"out_type": "State", "output": {"State": body}}
    data = json.dumps({"AdvanceStateQueue": [1, output]}, separators=(",", ":")).encode()
    if accepted:
        assert data == encode_event(decode_event(data, 0))
    else:
        assert reason(data) == "OUT_OF_RANGE"


@pytest.mark.parametrize("text", [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}"])
def test_every_form_of_an_order_id_that_rust_reads_is_read(text: str) -> None:
    event = decode_event(value("TxHash", TX_HASH | {"order_id": text}), 0)
    assert event.order_id == UUID  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", UUID[:-1], UUID + "\n", "z" * 32, UUID.replace("-", "_"), f"{{{UUID}", "-" * 36])
def test_what_is_no_order_id_is_refused(text: str) -> None:
    assert reason(value("TxHash", TX_HASH | {"order_id": text})) == "WRONG_TYPE"


def test_unknown_texts_of_enumerations_are_kept() -> None:
    event = decode_event(value("TxHash", TX_HASH | {"order_status": "Teleported"}), 0)
    assert event.order_status == "Teleported"  # type: ignore[union-attr]


def test_a_variant_without_data_may_be_an_object_with_null() -> None:
    data = value("RiskEngineUpdate", [{"RecalculateExposure": None}, STATE])
    assert decode_event(data, 0).command == RECALCULATE  # type: ignore[union-attr]
    event = decode_event(value("TxHash", TX_HASH | {"order_status": {"FILLED": None}}), 0)
    assert event.order_status == "FILLED"  # type: ignore[union-attr]


# --- older shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "output", "request_id"), [(6, None, ""), (7, "aa", ""), (8, "aa", "r")])
def test_transaction_records_were_arrays_once(count: int, output: str | None, request_id: str) -> None:
    members = list((TX_HASH | {"output": "aa"}).values())[:count]
    for kind in ("TxHash", "TxHashUpdate"):
        event = decode_event(value(kind, members), 0)
        assert (kind, output, request_id, None) == (kind_of(event), event.output, event.request_id, event.reason)  # type: ignore[union-attr]


def test_a_transaction_record_without_its_request_id_is_refused() -> None:
    assert reason(value("TxHash", without(TX_HASH, "request_id"))) == "MISSING_MEMBER"
    assert decode_event(value("TxHash", without(TX_HASH, "reason", "old_price", "output")), 0)


def test_a_bare_set_command_takes_the_time_of_its_record() -> None:
    data = value("SortedSetDBUpdate", {"RemoveCloseLimitPrice": [UUID, "LONG"]})
    event = decode_event(data, 1_775_808_201_250)
    assert isinstance(event, SortedSetDBUpdateEvent)
    assert event.time == "2026-04-10T08:03:21.250+00:00"
    for timestamp, expected in ((None, "MISSING_MEMBER"), (2**63 - 1, "OUT_OF_RANGE")):
        with pytest.raises(Quarantine, match=expected):
            decode_event(data, timestamp)


def test_a_settlement_of_three_elements_was_a_limit_at_any_depth() -> None:
    settle = {"PriceTickerOrderSettle": [[UUID], {"metadata": {}}, 1.0]}
    inner = {"BatchExecuteTraderOrder": settle}
    pool = POOL | {"pending_orders": {"nonce": 0, "len": 1, "amount": 0.0, "trader_order_data": [inner]}}
    written = encode_event(decode_event(value("PoolUpdate", [inner, pool, 3]), 0))
    assert written.count(b',1.0,"LIMIT"]') == 2


def test_early_pool_updates_lack_pool_output_and_state() -> None:
    event = decode_event(value("PoolUpdate", [{"BatchExecuteTraderOrder": {"RpcCommandPoolupdate": []}}, 9]), 0)
    assert isinstance(event, PoolUpdateEvent)
    assert (event.pool, event.seq) == (None, 9)
    batch = {"BatchExecuteTraderOrder": {"RpcCommandPoolupdate": []}}
    event = decode_event(value("PoolUpdate", [batch, POOL, 9]), 0)
    assert isinstance(event, PoolUpdateEvent)
    assert event.pool is not None
    assert event.pool.last_output_state is None


def test_early_funding_has_no_price_and_its_time_is_an_object() -> None:
    time = {"secs_since_epoch": 1664960400, "nanos_since_epoch": 900}
    event = decode_event(value("FundingRateUpdate", [0.5, time]), 0)
    assert FundingRateUpdateEvent(0.5, None, "2022-10-05T09:00:00.000000900+00:00") == event


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ([1664960400, 0], "2022-10-05T09:00:00+00:00"),
        ([1664960400, 1_500_000_000], "2022-10-05T09:00:01.500+00:00"),
        ({"nanos_since_epoch": 7000, "secs_since_epoch": 0}, "1970-01-01T00:00:00.000007+00:00"),
    ],
)
def test_times_of_the_seed_era_become_text(time: object, expected: str) -> None:
    assert expected == decode_event(value("CurrentPriceUpdate", [1.0, time]), 0).time  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "time",
    [
        {"secs_since_epoch": 1},
        {"secs_since_epoch": 1, "nanos_since_epoch": 1, "x": 1},
        [-1, 0],
        [2**64 - 1, 0],
        [1, 2**32],
        [1],
        5,
    ],
)
def test_other_objects_are_no_times(time: object) -> None:
    assert reason(value("CurrentPriceUpdate", [1.0, time])) in ("WRONG_TYPE", "OUT_OF_RANGE")


def test_early_risk_states_and_parameters_get_their_defaults() -> None:
    early = without(STATE, "total_pending_long_btc", "total_pending_short_btc", "pause_funding", "pause_price_feed")
    event = decode_event(value("RiskEngineUpdate", [{"AddExposure": ["LONG", 1.0]}, early]), 0)
    assert isinstance(event, RiskEngineUpdateEvent)
    assert msgspec.to_builtins(event.state) == STATE
    assert reason(value("RiskEngineUpdate", [RECALCULATE, without(STATE, "manual_halt")])) == "MISSING_MEMBER"


@pytest.mark.parametrize(("tail", "expected"), [([], (None, None)), (["00"], ("00", None)), (["00", "r"], ("00", "r"))])
def test_early_client_commands_lack_hex_and_request_id(tail: list[str], expected: tuple[str | None, ...]) -> None:
    command = decode_command(value("CreateLendOrder", [LEND, {"metadata": {}}, *tail])).value
    assert isinstance(command, CreateLendOrderCommand)
    assert expected == (command.payload_hex, command.request_id)


def test_extra_members_are_ignored_and_told() -> None:
    told: list[tuple[str, str]] = []
    data = value("TxHash", TX_HASH | {"venue": 1})
    event = decode_event(data, 0, on_extra=lambda owner, member: told.append((owner, member)))
    assert decode_event(value("TxHash", TX_HASH), 0) == event
    decode_event(value("CurrentPriceUpdate", [1.0, TIME, "x"]), 0, on_extra=lambda *names: told.append(names))
    assert told == [("TxHashEvent", "venue"), ("CurrentPriceUpdateEvent", "[2]")]


# --- commands, keys, failed requests ----------------------------------------------------------------


def test_metadata_is_written_with_its_members_sorted_by_bytes() -> None:
    meta = Meta({"é": None, "b": "2", "Z": "3"})
    command = RpcCommand(CreateLendOrder=CreateLendOrderCommand(CreateLendOrder(**LEND), meta, "00", "r"))  # type: ignore[arg-type]
    written = encode_command(command)
    assert '{"metadata":{"Z":"3","b":"2","é":null}}'.encode() in written
    assert command == decode_command(written)


def test_metadata_in_the_order_of_another_process_is_read_as_it_is() -> None:
    data = value("CreateLendOrder", [LEND, {"metadata": {"b": "1", "a": "2"}}, "00", "r"])
    command = decode_command(data.replace(b": ", b":").replace(b", ", b","))
    assert list(command.CreateLendOrder.meta.metadata) == ["b", "a"]  # type: ignore[union-attr]


def test_an_unknown_command_is_quarantined() -> None:
    with pytest.raises(Quarantine, match="UNKNOWN_COMMAND"):
        decode_command(b'{"Foo":[]}')
    with pytest.raises(Quarantine, match="UNKNOWN_COMMAND"):
        decode_command(value("TxHash", TX_HASH))


def test_a_value_with_wrong_types_is_never_written() -> None:
    with pytest.raises(Unencodable):
        encode_event(CurrentPriceUpdateEvent("1", "t"))  # type: ignore[arg-type]
    with pytest.raises(Unencodable):
        encode_event(CurrentPriceUpdateEvent(None, "t"))  # type: ignore[arg-type]


def test_an_enumeration_holds_exactly_one_variant() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        SortedSetCommand()
    assert SortedSetCommand.of("BulkSearchRemoveCloseLimitPrice", [1.0, "LONG"]).variant() == (
        "BulkSearchRemoveCloseLimitPrice",
        [1.0, "LONG"],
    )
    assert issubclass(SortedSetCommand, Tagged)


def test_a_key_is_an_object_or_the_bare_text_of_the_seed_era() -> None:
    key = EventKey('tx_hash_result-"AB"', "TxHash", metadata={"b": "1", "a": "2"})
    written = encode_key(key)
    assert written.endswith(b'"event_version":"v0.1.3","metadata":{"a":"2","b":"1"}}')
    assert key == decode_key(written)
    assert key.event_version == EVENT_VERSION
    assert [decode_key(found) for found in (None, b"insert_CurrentPrice", b"\xff", b'{"agg_id":"x"}', b'"x"')] == [
        "",
        "insert_CurrentPrice",
        "�",
        '{"agg_id":"x"}',
        '"x"',
    ]


def test_a_failed_request_is_one_json_string() -> None:
    assert encode_failed("8a00") == b'"8a00"'
    assert decode_failed(b'"8a00"') == "8a00"
    for wrong in (b"8a00", b'["8a"]', None):
        with pytest.raises(Quarantine):
            decode_failed(wrong)


def test_an_event_knows_its_kind() -> None:
    stop = decode_event(b'{"Stop":"snapsot-start-1"}', None)
    assert (StopEvent("snapsot-start-1"), "Stop") == (stop, kind_of(stop))
    assert LendOrderEvent.__struct_fields__ == ("order", "command", "seq")


@pytest.mark.parametrize("depth", [10, 100, 400, 1000, 5000])
def test_commands_nested_to_any_depth_are_read_or_quarantined(depth: int) -> None:
    inner = b'{"RpcCommandPoolupdate":[]}'
    head = b'{"FundingCycle":[{"nonce":0,"len":1,"amount":0.0,"trader_order_data":[{"BatchExecuteTraderOrder":'
    command = head * depth + inner + b'}]},{"metadata":{}},0.0]}' * depth
    data = b'{"PoolUpdate":[{"BatchExecuteTraderOrder":%b},null,1]}' % command
    try:
        event = decode_event(data, 0)
    except Quarantine as refusal:
        assert refusal.reason == "TOO_DEEP"  # noqa: PT017 - either outcome is right
    else:
        assert encode_event(event) == data
