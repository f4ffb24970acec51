"""Every command of every order queue has its answer, exactly one of them terminal (engine specification 8, I-22).

A command is found again in its answers by queue and offset, which the core writes into each key (decisions C5). A
repeated request id has its answer in the log already (C7).
"""

from collections import Counter
from collections.abc import Iterable

from twilight.audit.finding import Finding, finding
from twilight.bus import Record
from twilight.wire import events as e
from twilight.wire.commands import RpcCommand, decode_command
from twilight.wire.errors import Quarantine
from twilight.wire.keys import EventKey

# What an answer of another step says beside the terminal one: triggers that went with a position, legs that were set.
_BESIDE = frozenset(
    {
        "CancelledLimitClose",
        "CancelledStopLoss",
        "CancelledTakeProfit",
        "StopLossAdded",
        "StopLossUpdated",
        "TakeProfitAdded",
        "TakeProfitUpdated",
    },
)
_PER_LEG = frozenset({"ExecuteTraderOrderSlTp", "CancelTraderOrderSlTp"})
_AFTER_A_FILL = frozenset({"SETTLED", "RejectedFromChain", "RejectedByRiskEngine"})
"""An open one of whose legs holds at the price of its own fill is closed at once, unless that is refused (R8)."""

_ENDS = frozenset({"SETTLED", "CANCELLED"})

Position = tuple[str, int]


class Answers:
    """The answers of the log, by the position of their command."""

    def __init__(self) -> None:
        self._statuses: dict[Position, list[str]] = {}
        self._requests: set[str] = set()
        self._reached: dict[str, int] = {}

    def take(self, event: e.Event, key: EventKey | str) -> None:
        """Note one event; every event that a command caused tells how far its queue was consumed."""
        command = self.reach(key)
        if command is not None and isinstance(event, e.TxHashEvent):
            self._statuses.setdefault(command, []).append(event.order_status)
            self._requests.add(event.request_id)

    def reach(self, key: EventKey | str) -> Position | None:
        """Note how far the queue was consumed and return the position of the command that caused the event."""
        if not isinstance(key, EventKey) or not key.metadata or "queue" not in key.metadata:
            return None
        queue, offset = key.metadata["queue"], int(key.metadata["offset"])
        self._reached[queue] = max(offset, self._reached.get(queue, -1))
        return queue, offset

    def reached(self, queue: str) -> int:
        """Return the offset of the newest command that was decided, -1 before the first."""
        return self._reached.get(queue, -1)

    def check(self, queue: str, commands: Iterable[Record]) -> Finding:
        """Return whether every command that was consumed is answered as it must be."""
        counts: Counter[str] = Counter()
        faults: list[str] = []
        reached = self.reached(queue)
        for record in commands:
            if record.offset > reached and not self._is_repeated(record):
                counts["waiting"] += 1
                faults.append(f"offset {record.offset}: not yet consumed")
                continue
            fault = self._fault(queue, record, counts)
            if fault:
                faults.append(f"offset {record.offset}: {fault}")
        figures: dict[str, int | float | str] = {
            "commands": counts.total() - counts["terminal"],
            "answered": counts["answered"],
            "terminal": counts["terminal"],
            "repeated": counts["repeated"],
            "waiting": counts["waiting"],
        }
        return finding(f"answers of {queue}", figures, faults)

    def _is_repeated(self, record: Record) -> bool:
        command = _command(record)
        return command is not None and _request_id(command) in self._requests

    def _fault(self, queue: str, record: Record, counts: Counter[str]) -> str | None:
        statuses = self._statuses.get((queue, record.offset))
        command = _command(record)
        if statuses is None:
            if command is not None and _request_id(command) in self._requests:
                counts["repeated"] += 1
                return None
            counts["unanswered"] += 1
            return f"{'no command' if command is None else command.kind} has no answer"
        counts["answered"] += 1
        expected, terminal = _terminal(command, statuses)
        counts["terminal"] += terminal
        return None if terminal == expected else f"{terminal} terminal answers: {', '.join(statuses)}"


def _terminal(command: RpcCommand | None, statuses: list[str]) -> tuple[int, int]:
    """Return how many terminal answers there must be, and how many there are.

    A cancel says only what it did. A request about stop loss and take profit answers for each leg that it names,
    unless it was refused whole or closed the position.
    """
    plain = [status for status in statuses if status not in _BESIDE]
    if command is None:
        return 1, len(plain)
    if command.kind == "CancelTraderOrder":
        return 1, len(statuses)
    if command.kind not in _PER_LEG:
        return (2 if _fired_at_once(command, plain) else 1), len(plain)
    if len(statuses) == 1 or any(status in _ENDS for status in plain):
        return 1, len(plain) or len(statuses)
    return max(1, _legs(command)), len(statuses)


def _fired_at_once(command: RpcCommand, plain: list[str]) -> bool:
    if command.kind != "CreateTraderOrderSlTp" or len(plain) == 1:
        return False
    return plain[0] == "FILLED" and plain[1] in _AFTER_A_FILL


def _legs(command: RpcCommand) -> int:
    sltp = getattr(command.value, "sltp", None)
    legs = (getattr(sltp, "sl", None), getattr(sltp, "tp", None))
    return sum(leg is not None and leg is not False for leg in legs)


def _command(record: Record) -> RpcCommand | None:
    try:
        return decode_command(record.value)
    except Quarantine:
        return None


def _request_id(command: RpcCommand) -> str | None:
    found: str | None = getattr(command.value, "request_id", None)
    return found
