"""Batches: what one input becomes, also when it is nonsense or the engine fails on it (decisions C2, C6, C7)."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.core.traffic import Traffic, cancel, create
from tests.domain.exchange import slices_of

from twilight.bus import Record
from twilight.core import exchange as exchange_module
from twilight.core.durability.recovery import fold
from twilight.core.exchange import RUST_EVENT_BYTES_MAX, Exchange, Topics
from twilight.core.ids import Uuids
from twilight.core.inputs.arrivals import RECORD_BYTES_MAX, read_arrival
from twilight.domain.books import evolve as evolve_module
from twilight.domain.books.snapshot import state_hash
from twilight.domain.engine import new_engine
from twilight.domain.model.chain import Attached, Chain, LenientPayloads
from twilight.domain.model.inputs import Conditions, FeedStatus, FundingHour, FundingSlice, Genesis, Tick
from twilight.ops.errors import Corrupt
from twilight.wire.bincode import HEX_CHARACTERS_MAX
from twilight.wire.errors import Unencodable
from twilight.wire.events import encode_event
from twilight.wire.keys import encode_key
from twilight.wire.translate import event_to_wire, key_of

NOW = Conditions(1_775_808_000_000_000_000, FeedStatus.HEALTHY)
REQUEST = f"REQID{1:064X}"


@pytest.fixture
def exchange() -> Exchange:
    return first_exchange()


def record(value: bytes | None, offset: int = 0) -> Record:
    return Record("orders", 0, offset, 1_775_808_000_000, b"key", value)


def taken(exchange: Exchange, value: bytes | None, offset: int = 0) -> list[tuple[str, dict[str, Any], Any]]:
    """Return topic, key and value of what a record became."""
    exchange.take_arrival(read_arrival(record(value, offset), "main", "topic-id"), NOW)
    records = exchange.end_batch().records
    return [(topic, json.loads(key or b"{}") if topic == "events" else {}, json.loads(v)) for topic, key, v in records]


def test_every_event_of_a_command_says_where_the_command_stood(exchange: Exchange) -> None:
    made = taken(exchange, create("a", REQUEST), offset=41)
    assert len(made) == 4
    for _, key, _ in made:
        assert key["metadata"] == {"offset": "41", "queue": "main", "request_id": REQUEST, "topic_id": "topic-id"}
    assert exchange.engine.state.queues == {"main": ("topic-id", 41)}


@pytest.mark.parametrize("value", [None, b"", b"hello", b"{}", b'{"Foo":[]}', b"\xff", b"null", b'"x"'])
def test_what_is_no_command_is_answered_and_its_bytes_are_kept(exchange: Exchange, value: bytes | None) -> None:
    (topic, key, answer), (failed, _, kept) = taken(exchange, value, offset=7)
    assert (topic, failed) == ("events", "failed")
    assert key["metadata"]["offset"] == "7"
    assert answer["TxHash"]["order_status"] == "SerializationError"
    assert "queue main, offset 7" in answer["TxHash"]["reason"]
    assert kept == (value or b"").hex()


def test_the_request_id_of_a_broken_command_is_answered(exchange: Exchange) -> None:
    broken = create("a", REQUEST).replace(b'"leverage":10.0,', b"")
    (_, _, answer), _ = taken(exchange, broken)
    assert answer["TxHash"]["request_id"] == REQUEST


def test_the_request_id_of_a_broken_command_is_the_one_at_its_end(exchange: Exchange) -> None:
    broken = create(f"REQID{2:064X}", REQUEST).replace(b'"leverage":10.0,', b"")
    (_, _, answer), _ = taken(exchange, broken)
    assert answer["TxHash"]["request_id"] == REQUEST


def test_a_payload_that_no_event_could_carry_is_no_command(exchange: Exchange) -> None:
    value = create("a", REQUEST).replace(b'"00"', b'"' + b"0" * 262_146 + b'"')
    (_, _, answer), (_, _, kept) = taken(exchange, value)
    assert "at most 262144 characters, was 262146" in answer["TxHash"]["reason"]
    assert kept == value.hex()


@pytest.mark.parametrize(
    "value",
    [
        b"x" * 9 * 2**20,
        create("a", REQUEST).replace(b'{"metadata":{}}', b'{"metadata":{"x":"%b"}}' % (b"y" * 9 * 2**20)),
    ],
    ids=["junk", "a command with a large meta"],
)
def test_a_record_larger_than_any_command_is_answered_and_leaves_no_more_than_the_log_takes(
    exchange: Exchange, value: bytes
) -> None:
    (_, _, answer), (_, _, kept) = taken(exchange, value, offset=9)
    reason = answer["TxHash"]["reason"]
    assert f"at most {RECORD_BYTES_MAX} bytes together, were 3 and {len(value)}" in reason
    assert hashlib.sha256(value).hexdigest() in reason
    assert bytes.fromhex(kept) == value[:RECORD_BYTES_MAX]


def test_a_large_key_makes_no_large_event(exchange: Exchange) -> None:
    large = Record("orders", 0, 3, 1_775_808_000_000, b"k" * 2**21, create("a", REQUEST))
    exchange.take_arrival(read_arrival(large, "main", "topic-id"), NOW)
    assert max(len(key or b"") + len(value) for _, key, value in exchange.end_batch().records) < 4_096


def test_a_request_id_too_long_to_be_remembered_is_refused(exchange: Exchange) -> None:
    (_, _, answer), _ = taken(exchange, create("a", "R" * 257))
    assert "request id must be at most 256 characters, was 257" in answer["TxHash"]["reason"]


def test_a_command_may_be_as_large_as_it_may_be() -> None:  # E4
    def spelled(request_id: str = REQUEST, payload: str = "00", meta: str = "") -> bytes:
        command = json.loads(create("a", request_id))
        command["CreateTraderOrder"][1:3] = [{"metadata": {"x": meta}}, payload]
        return json.dumps(command).encode()

    room = RECORD_BYTES_MAX - len(spelled()) - len(b"key")
    for value in (spelled("R" * 256), spelled(payload="0" * HEX_CHARACTERS_MAX), spelled(meta="y" * room)):
        assert read_arrival(record(value), "main", "topic-id").is_command


def test_an_event_that_the_log_would_not_take_is_not_decided(exchange: Exchange) -> None:
    small = Exchange(exchange.engine, Topics("events", "failed", "intents"), event_bytes_max=1_500)
    value = create("a", REQUEST).replace(b'"00"', b'"' + b"0" * 2_000 + b'"')
    with capture_logs() as logs:
        (_, _, answer), (failed, _, _) = taken(small, value)
    assert failed == "failed"
    assert "expected a record of at most 1500 bytes" in answer["TxHash"]["reason"]
    assert not small.engine.state.positions
    assert [line["log_level"] for line in logs] == ["warning"]  # nobody is woken with a traceback


def test_an_event_that_just_fits_the_log_is_written(exchange: Exchange) -> None:
    exchange.take_arrival(read_arrival(record(create("a", REQUEST), 1), "main", "topic-id"), NOW)
    largest = max(len(key or b"") + len(value) for _, key, value in exchange.end_batch().records)
    for too_large, topics in ((0, ["events"] * 4), (1, ["events", "failed"])):
        other = Exchange(first_exchange().engine, Topics("events", "failed", "intents"), largest - too_large)
        assert [topic for topic, _, _ in taken(other, create("a", REQUEST), 1)] == topics


def test_where_the_reference_reads_no_record_is_larger_than_what_it_fetches(exchange: Exchange) -> None:  # F1
    small = Exchange(exchange.engine, Topics("events", "failed", "intents"), RUST_EVENT_BYTES_MAX)
    order = json.loads(create("a", REQUEST))
    order["CreateTraderOrder"][2] = "00" * 50_000
    small.take_arrival(read_arrival(record(json.dumps(order).encode()), "main", "topic-id"), NOW)
    records = small.end_batch().records
    assert [topic for topic, _, _ in records] == ["events", "failed"]
    assert b"SerializationError" in records[0][2]
    assert all(len(key or b"") + len(value) <= RUST_EVENT_BYTES_MAX for _, key, value in records)
    assert "a" not in exchange.engine.state.trader_accounts


def test_a_repeated_request_id_changes_nothing_and_emits_nothing(exchange: Exchange) -> None:
    taken(exchange, create("a", REQUEST), offset=1)
    assert taken(exchange, create("b", REQUEST), offset=2) == []


def test_a_record_that_is_delivered_again_emits_nothing(exchange: Exchange) -> None:
    for value in (create("a", REQUEST), b"hello"):
        assert taken(exchange, value, offset=5) != [] or value == b"hello"
    assert taken(exchange, b"hello", offset=5) == []


def test_a_command_on_which_the_engine_fails_is_answered_and_blocks_nothing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = exchange_module.decisions

    def fails_on_orders(state: Any, given: Any, *rest: Any) -> Iterator[Any]:
        if getattr(given.command, "request_id", None) == REQUEST and hasattr(given.command, "payload"):
            raise ZeroDivisionError("a fault of the engine")
        yield from real(state, given, *rest)

    monkeypatch.setattr(exchange_module, "decisions", fails_on_orders)
    (_, key, answer), (failed, _, kept) = taken(exchange, create("a", REQUEST), offset=3)
    assert answer["TxHash"]["request_id"] == REQUEST
    assert "ZeroDivisionError: a fault of the engine" in answer["TxHash"]["reason"]
    assert (failed, kept) == ("failed", create("a", REQUEST).hex())
    assert key["metadata"]["offset"] == "3"
    assert len(taken(exchange, create("b", f"REQID{2:064X}"), offset=4)) == 4


def test_an_event_that_cannot_be_written_leaves_its_order_aside_and_the_tick_goes_on(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, account in enumerate("ab"):
        taken(exchange, create(account, f"REQID{number:064X}"), offset=number)
    real, bad = exchange_module.encode_all, exchange.engine.state.trader_accounts["a"]

    def encode_all(events: Any) -> Any:
        if any(event.kind == "TraderOrderLiquidation" and event.order.uuid == bad for event in events):
            raise Unencodable("expected a finite number, found nan")
        return real(events)

    monkeypatch.setattr(exchange_module, "encode_all", encode_all)
    exchange.take(Tick(58_000.0), NOW)
    batch = exchange.end_batch()
    assert set(exchange.engine.state.positions) == {bad}
    (report,) = batch.not_judged()
    assert (report.order_id, report.status) == (bad, "Error")
    assert len(batch.records) == batch.kinds().total()
    assert exchange.engine.state.triggers.liquidate_long.score(bad) is not None


def test_a_command_that_was_answered_before_is_counted(exchange: Exchange) -> None:
    for offset in (1, 1, 2):
        exchange.take_arrival(read_arrival(record(create("a", REQUEST), offset), "main", "id"), NOW)
    batch = exchange.end_batch()
    assert (batch.commands, batch.repeated) == (3, 2)


def test_refusals_are_counted_by_their_code(exchange: Exchange) -> None:
    arrival = read_arrival(record(create("a", REQUEST, initial_margin=1e9)), "main", "id")
    exchange.take_arrival(arrival, NOW)
    batch = exchange.end_batch()
    assert batch.refusals() == {"SIZE_TOO_LARGE": 1}
    assert batch.kinds() == {"TxHash": 1}


def test_whatever_traffic_does_the_records_are_what_the_careful_codec_writes(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, events = exchange_module.encode_all, list[Any]()

    def encode_all(step: Any) -> Any:
        events.extend(step)
        return real(step)

    monkeypatch.setattr(exchange_module, "encode_all", encode_all)
    traffic = Traffic(seed=3)
    for number in range(600):
        exchange.take_arrival(read_arrival(record(traffic.next(), number), "main", "id"), NOW)
        if number % 50 == 0:
            exchange.take(Tick(64_000.0 + number), NOW)
        batch = exchange.end_batch()
        written = [(key, value) for topic, key, value in batch.records if topic == "events"]
        assert written == [(encode_key(key_of(e)), encode_event(event_to_wire(e))) for e in events]
        events.clear()
        for _, value in written:
            traffic.learn(record(value))


def test_a_large_hour_becomes_records_slice_by_slice_and_folds_to_the_same_state(exchange: Exchange) -> None:
    for number in range(20):
        taken(exchange, create(f"a{number}", f"REQID{number:064X}"), number)
    folded = new_engine(Uuids(), state=exchange.engine.state.copy())
    counts = []
    with slices_of(8):
        for given in (FundingHour(493_280), FundingSlice(), FundingSlice(), FundingSlice(), FundingSlice()):
            exchange.take(given, NOW)
            records = exchange.end_batch().records
            counts.append(len(records))
            for offset, (_, key, value) in enumerate(records):
                fold(folded, offset, key, value, 0)
            assert state_hash(folded.state) == state_hash(exchange.engine.state)
    assert counts == [1, 8, 8, 3 + 1, 0]


def test_a_record_that_says_another_charge_than_the_hours_opening_cannot_be_folded(exchange: Exchange) -> None:
    for number in range(3):
        taken(exchange, create(f"a{number}", f"REQID{number:064X}"), number)
    folded = new_engine(Uuids(), state=exchange.engine.state.copy())
    with slices_of(1):
        exchange.take(FundingHour(493_280), NOW)
        exchange.take(FundingSlice(), NOW)
    (_, opening, first), (_, key, value) = exchange.end_batch().records
    fold(folded, 0, opening, first, 0)
    with pytest.raises(Corrupt, match="was charged to"):
        fold(folded, 1, key, value.replace(b'"maintenance_margin":', b'"maintenance_margin":1'), 0)


@pytest.mark.parametrize("name", ["initial_margin", "available_margin", "execution_price"])
def test_a_number_that_is_null_makes_no_command_and_wakes_nobody(exchange: Exchange, name: str) -> None:  # C6
    value = create("a", REQUEST, **{name: None})
    with capture_logs() as logs:
        made = taken(exchange, value)
    (answer,) = (value["TxHash"] for topic, _, value in made if topic == "events")
    assert (answer["order_status"], answer["request_id"]) == ("SerializationError", REQUEST)
    assert answer["reason"].endswith("must be a number, was null (queue main, offset 0)")
    assert logs == []


def test_a_negative_zero_of_a_client_is_a_zero_in_every_event(exchange: Exchange) -> None:  # R17
    exchange.take_arrival(read_arrival(record(create("a", REQUEST, execution_price=-0.0)), "main", "id"), NOW)
    values = [value for _, _, value in exchange.end_batch().records]
    assert len(values) == 4
    assert not any(b"-0.0" in value for value in values)


def test_a_repeated_command_is_not_read_again_once_its_request_id_is_forgotten(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:  # C5, C7
    monkeypatch.setattr(evolve_module, "REQUEST_IDS_MAX", 10)

    def from_queue(queue: str, value: bytes, offset: int) -> int:
        exchange.take_arrival(read_arrival(record(value, offset), queue, "id"), NOW)
        return exchange.batch.count

    from_queue("b", create("x", REQUEST), 4)
    assert from_queue("b", create("x", REQUEST), 5) == 4
    for number in range(11):
        from_queue("a", create(f"a{number}", f"REQID{number + 100:064X}"), number)
    assert exchange.engine.state.queues["b"] == ("id", 5)
    batch = exchange.end_batch()
    folded = new_engine(Uuids())
    folded.state = first_exchange().engine.state
    for offset, (_, key, value) in enumerate(batch.records):
        fold(folded, offset, key, value, 0)
    assert folded.state.queues["b"] == ("id", 5)
    assert from_queue("b", create("x", REQUEST), 5) == 0


def test_where_a_repeated_command_stood_is_told_by_the_log_and_not_by_an_intent() -> None:  # C5, C7, C11
    exchange = first_exchange(chain=Attached(LenientPayloads()))
    of_nobody = cancel("x", "00000000-0000-4000-8000-000000000009", REQUEST)
    assert taken(exchange, of_nobody, 1) != taken(exchange, of_nobody, 2) == []
    ((topic, _, _),) = taken(exchange, create("a", f"REQID{2:064X}"), 3)
    assert topic == "intents"
    exchange.take(Tick(65_001.0), NOW)
    (_, key, _) = exchange.end_batch().records[0]
    assert json.loads(key or b"")["metadata"]["passed"] == "main topic-id 2"


def first_exchange(chain: Chain | None = None) -> Exchange:
    made = Exchange(new_engine(Uuids(), chain=chain), Topics("events", "failed", "intents"))
    made.take(Genesis("85c5b2e5-bcda-4ab1-9b83-2de488aa6357"), NOW)
    made.take(Tick(65_000.0), NOW)
    made.end_batch()
    return made
