import json
from collections.abc import Iterable

import pytest
from tests.audit.story import QUEUE, A, events, log_records, queue_records

from twilight.audit.answers import Answers, _terminal
from twilight.audit.finding import Finding
from twilight.bus import Record
from twilight.wire.commands import RpcCommand, decode_command
from twilight.wire.keys import decode_key


def checked(log: Iterable[Record], queue: list[Record]) -> Finding:
    answers = Answers()
    records = list(log)
    for record, event in zip(records, events(records), strict=True):
        answers.take(event, decode_key(record.key))
    return answers.check(QUEUE, queue)


def answers_to(record: Record, request_id: bytes) -> bool:
    return b'"TxHash"' in (record.value or b"")[:12] and request_id in (record.value or b"")


def test_every_command_of_a_day_has_exactly_one_terminal_answer() -> None:
    found = checked(log_records(), queue_records())

    assert found.holds
    assert found.figures == {"commands": 5, "answered": 5, "terminal": 5, "repeated": 0, "waiting": 0}


def test_a_command_whose_answer_is_missing_is_named() -> None:
    log = [record for record in log_records() if not answers_to(record, b"REQID2")]

    found = checked(log, queue_records())

    assert found.faults == ["offset 1: CreateTraderOrder has no answer"]


def test_a_command_that_was_answered_twice_is_named() -> None:
    log = log_records()
    twice = [*log, *(record for record in log if answers_to(record, b"REQID4"))]

    found = checked(twice, queue_records())

    assert found.faults == ["offset 3: 2 terminal answers: SETTLED, SETTLED"]


def test_a_repeated_request_is_answered_by_the_first_answer() -> None:
    queue = queue_records()
    repeated = [*queue, queue[0]._replace(offset=len(queue))]

    found = checked(log_records(), repeated)

    assert found.holds
    assert found.figures["repeated"] == 1


def test_a_command_that_nobody_consumed_is_told_as_waiting() -> None:
    queue = queue_records()
    late = queue[0]._replace(offset=len(queue), value=(queue[0].value or b"").replace(b"REQID1", b"REQID9"))

    found = checked(log_records(), [*queue, late])

    assert found.faults == ["offset 5: not yet consumed"]


def sltp(kind: str, body: dict[str, object]) -> RpcCommand:
    request = {"account_id": "A", "uuid": A, "order_type": "SLTP", "order_status": "FILLED"}
    if kind == "ExecuteTraderOrderSlTp":
        request |= {"settle_margin": 0.0, "execution_price": 0.0}
    return decode_command(json.dumps({kind: [request, body, {"metadata": {}}, "00", "REQID1"]}).encode())


@pytest.mark.parametrize(
    ("kind", "legs", "statuses", "holds"),
    [
        ("ExecuteTraderOrderSlTp", {"sl": 1.0, "tp": 2.0}, ["StopLossAdded", "TakeProfitAdded"], True),
        ("ExecuteTraderOrderSlTp", {"sl": 1.0, "tp": None}, ["StopLossUpdated"], True),
        ("ExecuteTraderOrderSlTp", {"sl": 1.0, "tp": 2.0}, ["CancelledLimitClose", "SETTLED"], True),
        ("ExecuteTraderOrderSlTp", {"sl": 1.0, "tp": 2.0}, ["SETTLED", "SETTLED"], False),
        ("ExecuteTraderOrderSlTp", {"sl": 1.0, "tp": None}, ["StopLossAdded", "StopLossAdded"], False),
        ("CancelTraderOrderSlTp", {"sl": True, "tp": True}, ["CancelledStopLoss", "OrderNotFound"], True),
        ("CancelTraderOrderSlTp", {"sl": True, "tp": False}, ["OrderNotFound"], True),
        ("CancelTraderOrderSlTp", {"sl": True, "tp": False}, ["CancelledStopLoss", "CancelledStopLoss"], False),
    ],
)
def test_a_request_about_legs_answers_once_for_each(
    kind: str, legs: dict[str, object], statuses: list[str], *, holds: bool
) -> None:
    expected, found = _terminal(sltp(kind, legs), statuses)

    assert (expected == found) is holds
