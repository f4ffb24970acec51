import json
from collections.abc import Iterable

import pytest
from tests.audit.story import (
    QUEUE,
    A,
    close_order,
    command_record,
    intent_of,
    log_records,
    open_order,
    queue_records,
)

from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.audit.answering import are_right
from twilight.audit.answers import Answers
from twilight.audit.finding import Finding
from twilight.audit.folding import LogFold
from twilight.bus import Record
from twilight.domain.model.inflight import Intent
from twilight.wire.commands import RpcCommand, decode_command

TOPIC_ID = "topic-of-today"


def checked(
    log: Iterable[Record], queue: list[Record], chunk: int = 1_000, intents: Iterable[Record] = ()
) -> list[Finding]:
    """Return the findings after log and queue went side by side through the audit's own reading, chunk by chunk."""
    answers, waiting = Answers({QUEUE: TOPIC_ID}), list(queue)
    of_queue, reader = answers.queues[QUEUE], Reader(CORE, Duplicates())
    entries = reader.entries(log)
    for start in range(0, len(entries), chunk):
        for entry in entries[start : start + chunk]:
            assert entry.event is not None
            answers.take(entry.event, entry.key, entry.source.offset)
        caused = [record for record in waiting if record.offset <= of_queue.reached]
        waiting = waiting[len(caused) :]
        of_queue.judge(caused)
    of_queue.judge(waiting)
    of_queue.pass_over(len(queue))
    for intent in in_flight(intents):
        answers.take_intent(intent)
    of_queue.close(0)
    return answers.findings()


def in_flight(records: Iterable[Record]) -> list[Intent]:
    fold = LogFold(None)
    for record in records:
        fold.take_intent(record)
    return fold.in_flight()


def faults(log: Iterable[Record], queue: list[Record], intents: Iterable[Record] = ()) -> list[str]:
    return [fault for finding in checked(log, queue, intents=intents) for fault in finding.faults]


def answers_to(record: Record, request_id: bytes) -> bool:
    return b'"TxHash"' in (record.value or b"")[:12] and request_id in (record.value or b"")


def retold(record: Record, at: int, **metadata: str) -> Record:
    """Return the record at another place of the log, with other metadata in its key."""
    key = json.loads(record.key or b"")
    key["metadata"] |= metadata
    return record._replace(offset=at, key=json.dumps(key).encode())


@pytest.mark.parametrize("chunk", [1, 2, 7, 1_000])
def test_every_command_of_a_day_has_its_answers_however_the_log_is_cut(chunk: int) -> None:
    (found,) = checked(log_records(), queue_records(), chunk)

    assert found.holds
    assert found.figures == {"commands": 5, "answered": 5, "repeated": 0, "waiting": 0}


def test_a_command_whose_answer_is_missing_is_named() -> None:
    log = [record for record in log_records() if not answers_to(record, b"REQID2")]

    assert faults(log, queue_records()) == ["offset 1: CreateTraderOrder has no answer"]


def test_a_command_that_was_answered_twice_to_the_byte_is_named() -> None:
    log = log_records()
    twice = [*log, *(record._replace(offset=len(log)) for record in log if answers_to(record, b"REQID4"))]

    assert faults(twice, queue_records()) == ["offset 3: ExecuteTraderOrder has the answers SETTLED, SETTLED"]


def test_an_answer_long_after_its_command_was_answered_is_named() -> None:
    log = log_records()
    again = next(record for record in log if answers_to(record, b"REQID1"))
    (found,) = checked([*log, again._replace(offset=len(log))], queue_records(), chunk=4)

    assert found.faults == ["offset 0: answered again at offset 34 of the log: FILLED"]


def test_an_answer_to_an_offset_that_the_queue_has_not_is_named() -> None:
    log = log_records()
    invented = retold(next(record for record in log if answers_to(record, b"REQID4")), len(log), offset="77")

    assert faults([*log, invented], queue_records()) == [
        "offset 77: no command stands there, but the log answers SETTLED"
    ]


def test_an_answer_on_a_queue_that_nobody_has_configured_is_named() -> None:
    log = log_records()
    invented = retold(next(record for record in log if answers_to(record, b"REQID4")), len(log), queue="OTHER")

    assert faults([*log, invented], queue_records()) == [
        "the event at offset 34 names queue OTHER, which is not configured"
    ]


def test_an_answer_that_names_a_topic_of_before_after_those_of_today_is_named() -> None:
    log = log_records()
    invented = retold(next(record for record in log if answers_to(record, b"REQID4")), len(log), topic_id="before")

    assert faults([*log, invented], queue_records()) == [
        f"the event at offset 34 names topic before, the queue's is {TOPIC_ID}"
    ]


def test_an_answer_that_carries_the_id_of_another_request_is_named() -> None:
    log = log_records()
    at = next(at for at, record in enumerate(log) if answers_to(record, b"REQID4"))
    log[at] = log[at]._replace(value=(log[at].value or b"").replace(b"REQID4", b"REQID2"))

    assert faults(log, queue_records()) == [f"offset 3: the answer at offset {at} is for request 'REQID2'"]


def test_a_repeated_request_is_answered_by_the_first_answer() -> None:
    queue = queue_records()
    repeated = [*queue, queue[0]._replace(offset=len(queue))]

    (found,) = checked(log_records(), repeated)

    assert found.holds
    assert found.figures["repeated"] == 1


def test_a_command_that_nobody_consumed_is_told_as_waiting() -> None:
    queue = queue_records()
    late = queue[0]._replace(offset=len(queue), value=(queue[0].value or b"").replace(b"REQID1", b"REQID9"))

    assert faults(log_records(), [*queue, late]) == ["offset 5: not yet consumed"]


ASKED = open_order("D", "LONG", "MARKET", 0.0, "REQID6")


def test_a_command_that_the_chain_was_asked_for_is_in_flight_and_one_without_an_intent_is_lost() -> None:
    lost, later = open_order("E", "LONG", "MARKET", 0.0, "REQID7"), close_order("A", A, "REQID8")
    queue = [*queue_records(), *(command_record(5 + n, command) for n, command in enumerate((ASKED, lost, later)))]
    log = log_records()
    answer = retold(
        next(record for record in log if answers_to(record, b"REQID5")), 34, offset="7", request_id="REQID8"
    )
    log.append(answer._replace(value=(answer.value or b"").replace(b"REQID5", b"REQID8")))

    (found,) = checked(log, queue, intents=[intent_of(5, ASKED)])

    assert found.faults == ["offset 6: CreateTraderOrder has no answer"]
    assert found.figures["in_flight"] == 1


def test_a_repeated_request_is_answered_by_what_the_chain_will_answer() -> None:
    queue = [*queue_records(), command_record(5, ASKED), command_record(6, ASKED)]

    (found,) = checked(log_records(), queue, intents=[intent_of(5, ASKED)])

    assert found.holds
    assert (found.figures["in_flight"], found.figures["repeated"]) == (1, 1)


def test_an_intent_excuses_no_command_that_stands_at_another_offset() -> None:
    queue = [*queue_records(), command_record(5, open_order("D", "LONG", "MARKET", 0.0, "REQID9"))]

    assert faults(log_records(), queue, [intent_of(4, ASKED)]) == ["offset 5: not yet consumed"]


def test_an_intent_excuses_no_answer_that_is_wrong() -> None:
    log = log_records()
    twice = [*log, *(record._replace(offset=len(log)) for record in log if answers_to(record, b"REQID4"))]

    assert faults(twice, queue_records(), [intent_of(3, ASKED)]) == [
        "offset 3: ExecuteTraderOrder has the answers SETTLED, SETTLED"
    ]


def test_an_intent_of_a_queue_that_nobody_has_configured_is_named() -> None:
    (intent,) = in_flight([intent_of(5, ASKED)])
    answers = Answers({"OTHER": TOPIC_ID})
    answers.take_intent(intent)

    assert answers.findings()[-1].faults == [f"intent {intent.id} names queue {QUEUE}, which is not configured"]


def sltp(kind: str, body: dict[str, object], order_type: str) -> RpcCommand:
    request = {"account_id": "A", "uuid": A, "order_type": order_type, "order_status": "FILLED"}
    if kind == "ExecuteTraderOrderSlTp":
        request |= {"settle_margin": 0.0, "execution_price": 0.0}
    return decode_command(json.dumps({kind: [request, body, {"metadata": {}}, "00", "REQID1"]}).encode())


EXECUTE, CANCEL = "ExecuteTraderOrderSlTp", "CancelTraderOrderSlTp"
BOTH, STOP_LOSS = {"sl": 1.0, "tp": 2.0}, {"sl": 1.0, "tp": None}
BOTH_GONE, STOP_LOSS_GONE = {"sl": True, "tp": True}, {"sl": True, "tp": False}


@pytest.mark.parametrize(
    ("kind", "legs", "statuses", "right"),
    [
        (EXECUTE, BOTH, ["StopLossAdded", "TakeProfitAdded"], True),
        (EXECUTE, BOTH, ["StopLossUpdated", "TakeProfitAdded"], True),
        (EXECUTE, BOTH, ["CancelledLimitClose", "SETTLED"], True),
        (EXECUTE, BOTH, ["OrderNotFound"], True),
        (EXECUTE, BOTH, ["StopLossAdded"], False),
        (EXECUTE, BOTH, ["StopLossAdded", "StopLossAdded"], False),
        (EXECUTE, BOTH, ["OrderNotFound", "StopLossAdded"], False),
        (EXECUTE, BOTH, ["SETTLED", "SETTLED"], False),
        (EXECUTE, BOTH, ["SETTLED", "StopLossAdded"], False),
        (EXECUTE, STOP_LOSS, ["StopLossUpdated"], True),
        (EXECUTE, STOP_LOSS, ["TakeProfitUpdated"], False),
        (EXECUTE, STOP_LOSS, ["StopLossAdded", "StopLossAdded"], False),
        (CANCEL, BOTH_GONE, ["CancelledStopLoss", "OrderNotFound"], True),
        (CANCEL, BOTH_GONE, ["OrderNotFound"], True),
        (CANCEL, BOTH_GONE, ["CancelledStopLoss"], False),
        (CANCEL, STOP_LOSS_GONE, ["OrderNotFound"], True),
        (CANCEL, STOP_LOSS_GONE, ["CancelledTakeProfit"], False),
        (CANCEL, STOP_LOSS_GONE, ["CancelledStopLoss", "CancelledStopLoss"], False),
    ],
)
def test_a_request_about_legs_is_answered_leg_by_leg(
    kind: str, legs: dict[str, object], statuses: list[str], *, right: bool
) -> None:
    assert are_right(sltp(kind, legs, "SLTP"), statuses) is right


def test_a_record_that_is_no_command_is_refused_once() -> None:
    assert are_right(None, ["SerializationError"])
    assert not are_right(None, ["SerializationError", "SerializationError"])
