"""The translation, on every event and command that the reference ever wrote."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from twilight.domain.model import events as domain
from twilight.domain.model.orders import OrderStatus, OrderType, TxHashData
from twilight.domain.model.pool import RiskState
from twilight.wire.commands import decode_command, encode_command
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.events import decode_event, encode_event
from twilight.wire.keys import EventKey, decode_key, encode_key
from twilight.wire.translate import (
    Untranslatable,
    command_from_wire,
    command_to_wire,
    encode,
    event_from_wire,
    event_to_wire,
    key_of,
)


def records(shared: Path, topic: str) -> Iterator[tuple[bytes, bytes, int]]:
    with gzip.open(shared / "data" / "reference-log" / f"{topic}.jsonl.gz", "rt") as lines:
        for line in lines:
            record = json.loads(line)
            yield base64.b64decode(record["key_b64"]), base64.b64decode(record["value_b64"]), record["ts"]


@pytest.fixture(scope="session")
def recorded(shared_dir: Path) -> list[tuple[EventKey, bytes, domain.Event | Untranslatable]]:
    """Each recorded event with its key, our bytes for it, and what the translation made of it."""
    found: list[tuple[EventKey, bytes, domain.Event | Untranslatable]] = []
    for key_bytes, value, timestamp in records(shared_dir, "CoreEventLogTopic"):
        key, event = decode_key(key_bytes), decode_event(value, timestamp)
        assert isinstance(key, EventKey)
        try:
            found.append((key, encode_event(event), event_from_wire(event, key.agg_id, key.metadata)))
        except Untranslatable as fault:
            found.append((key, encode_event(event), fault))
    return found


Recorded = list[tuple[EventKey, bytes, domain.Event | Untranslatable]]


def test_every_recorded_event_that_our_state_can_hold_comes_back_to_the_same_bytes(recorded: Recorded) -> None:
    held = [(key, value, event) for key, value, event in recorded if not isinstance(event, Untranslatable)]
    assert len(held) > 7_800
    for key, value, event in held:
        assert encode_event(event_to_wire(event)) == value
        assert key_of(event) == key


def test_the_fast_encoder_writes_what_the_careful_one_writes(recorded: Recorded) -> None:
    for key, value, event in recorded:
        if not isinstance(event, Untranslatable):
            assert encode(event) == (encode_key(key), value)


def test_only_sums_with_fractions_of_a_sat_have_no_place_in_our_state(recorded: Recorded) -> None:
    refused = [(key.event_type, str(fault)) for key, _, fault in recorded if isinstance(fault, Untranslatable)]
    assert {kind for kind, _ in refused} == {"RiskEngineUpdate", "PositionSizeLogDBUpdate"}
    assert all("expected a whole number" in fault for _, fault in refused)


def test_every_recorded_command_comes_back_to_the_same_bytes(shared_dir: Path) -> None:
    translated = 0
    for _, value, _ in records(shared_dir, "CLIENT-REQUEST"):
        try:
            command = decode_command(value)
        except Quarantine:
            continue
        assert encode_command(command_to_wire(command_from_wire(command))) == encode_command(command)
        translated += 1
    assert translated > 240


@pytest.mark.parametrize("name", ["CreateTraderOrderSlTp", "CancelTraderOrderSlTp", "ExecuteTraderOrderSlTp"])
def test_the_forms_with_stop_loss_and_take_profit_come_back_to_the_same_bytes(shared_dir: Path, name: str) -> None:
    value = (shared_dir / "spec" / "examples" / f"command.{name}.json").read_bytes()
    assert encode_command(command_to_wire(command_from_wire(decode_command(value)))) == value


def test_a_command_without_payload_and_request_id_has_no_place_in_the_domain(shared_dir: Path) -> None:
    value = (shared_dir / "spec" / "examples" / "v0.command.CreateTraderOrder.json").read_bytes()
    with pytest.raises(Untranslatable, match="payload and request id"):
        command_from_wire(decode_command(value))


def test_an_unknown_enumeration_text_has_no_place_in_the_domain(shared_dir: Path) -> None:
    value = (shared_dir / "spec" / "examples" / "command.CreateTraderOrder.json").read_bytes()
    with pytest.raises(Untranslatable, match="expected one of LONG, SHORT, found 'SIDEWAYS'"):
        command_from_wire(decode_command(value.replace(b'"LONG"', b'"SIDEWAYS"')))


def answer(**changes: object) -> domain.TxHash:
    fields: dict[str, object] = {
        "order_id": "729c417c-73ef-4c7d-8707-91f30e0c2859",
        "account_id": "a",
        "tx_hash": "",
        "order_type": OrderType.MARKET,
        "status": OrderStatus.FILLED,
        "datetime": "2026-04-10T08:00:01+00:00",
        "output": None,
        "request_id": "REQID",
    } | changes
    return domain.TxHash(TxHashData(**fields), "tx_hash_error")  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [1e16, 1.5e22, 2.0**60])
def test_numbers_that_need_an_exponent_are_written_as_the_wire_does(number: float) -> None:
    _, value = encode(answer(new_price=number))
    assert value == encode_event(event_to_wire(answer(new_price=number)))
    assert b"e+" in value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_never_written(number: float) -> None:
    with pytest.raises(Unencodable):
        encode(answer(new_price=number))


def test_an_exact_total_beyond_a_double_s_whole_numbers_is_written_as_a_double() -> None:
    state = RiskState(total_long_sats=2**70 + 1)
    event = domain.RiskEngineUpdate(
        domain.RiskEngineCommand(domain.RiskAction.RECALCULATE_EXPOSURE), state, "RecalculateRiskExposure"
    )
    assert b'"total_long_btc":1.1805916207174113e+21' in encode(event)[1]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_postgres_could_not_store_is_never_written(text: str) -> None:
    with pytest.raises(Unencodable):
        encode(answer(reason=text))


def test_the_cause_of_an_event_stands_in_its_key_sorted() -> None:
    event = answer()
    event.metadata = {"request_id": "R", "offset": "5", "topic_id": "T", "queue": "Q"}
    key, _ = encode(event)
    assert key == (
        b'{"agg_id":"tx_hash_error","event_type":"TxHash","event_version":"v0.1.3",'
        b'"metadata":{"offset":"5","queue":"Q","request_id":"R","topic_id":"T"}}'
    )
