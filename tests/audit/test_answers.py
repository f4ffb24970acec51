from collections.abc import Iterable

from tests.audit.story import QUEUE, events, log_records, queue_records

from twilight.audit.answers import Answers
from twilight.audit.finding import Finding
from twilight.bus import Record
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
