"""What takes more than one call, as generators without I/O.

A flow yields a ``Call`` (and is sent its result, or thrown its ``ClientError``)
or a ``Pause`` (and is sent ``None``). `Client.follow` and `AsyncClient.follow` play it,
so that waiting and retrying are written once.
"""

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from uuid import uuid4

from twilight.sdk import calls
from twilight.sdk.calls import Call
from twilight.sdk.errors import Away, Unanswered
from twilight.sdk.results import Acknowledgement, TxHash
from twilight.wire.client_messages import ClientMessage

T = TypeVar("T")

POLL_FIRST_S: Final = 0.05
POLL_MAX_S: Final = 1.0
RETRY_FIRST_S: Final = 0.25
RETRY_MAX_S: Final = 8.0
TRIES_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is to be sent for so long."""

    seconds: float


Flow = Generator[Call[Any] | Pause, Any, T]


def patient(call: Call[T], *, tries: int = TRIES_MAX) -> Flow[T]:
    """Make a call, and again with growing pauses while the exchange is away.

    Raises:
        Away: it was away each time.
    """
    for attempt in range(tries - 1):
        try:
            result: T = yield call
        except Away as away:
            yield Pause(max(away.retry_after_s, backoff_s(attempt)))
        else:
            return result
    return cast("T", (yield call))


def submit(message: ClientMessage) -> Flow[Acknowledgement]:
    """Submit an order message once, however often it must be sent for that."""
    return (yield from patient(calls.submit(message, str(uuid4()))))


def answer(
    request_id: str,
    *,
    within_s: float = 30.0,
    complete: Callable[[Sequence[TxHash]], bool] = bool,
) -> Flow[list[TxHash]]:
    """Wait until the answers to a request are complete; by default one is enough.

    Raises:
        Unanswered: they are not within ``within_s`` (time spent in calls not counted).
        Away: the exchange does not answer.
    """
    waited_s, pause_s = 0.0, POLL_FIRST_S
    while True:
        found: list[TxHash] = yield from patient(calls.answers_to_request(request_id))
        if complete(found):
            return found
        if waited_s >= within_s:
            raise Unanswered(request_id, waited_s)
        yield Pause(pause_s)
        waited_s += pause_s
        pause_s = min(pause_s * 1.5, POLL_MAX_S)


def place(message: ClientMessage, *, within_s: float = 30.0) -> Flow[list[TxHash]]:
    """Submit an order message and wait for its first answers.

    Raises:
        Refused: the API did not take it.
        Unanswered, Away: as in `answer`.
    """
    taken = yield from submit(message)
    return (yield from answer(taken.id_key, within_s=within_s))


def backoff_s(attempt: int, *, first_s: float = RETRY_FIRST_S, max_s: float = RETRY_MAX_S) -> float:
    """Return a pause that doubles with each attempt, between its half and its whole at random."""
    whole_s = min(max_s, first_s * 2.0 ** min(attempt, 30))
    return whole_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
