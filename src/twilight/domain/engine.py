"""The exchange as one object: inputs in, events out.

An input becomes a sequence of decisions. Each decision is pure and made on the state as it then is; its events are
applied by `evolve` before the next decision of the same input is made. So ten thousand liquidations of one tick see
each other, and a log folded by `evolve` alone gives the same state.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from twilight.domain import answers
from twilight.domain.admin import on_admin
from twilight.domain.answering import on_chain_answer
from twilight.domain.books.evolve import evolve, evolve_all
from twilight.domain.books.state import State
from twilight.domain.context import Case, Context, Subject
from twilight.domain.funding.hour import on_funding_hour
from twilight.domain.funding.records import on_funding_slice, records_first
from twilight.domain.genesis import on_genesis
from twilight.domain.lending.deposits import deposit
from twilight.domain.lending.withdrawals import withdraw
from twilight.domain.model.chain import Chain, Disabled, LenientPayloads
from twilight.domain.model.commands import (
    CancelTraderOrder,
    CancelTraderOrderSlTp,
    CreateLendOrder,
    CreateTraderOrder,
    CreateTraderOrderSlTp,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
)
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import Event, Metadata
from twilight.domain.model.inputs import (
    Admin,
    ChainAnswer,
    CommandInput,
    Conditions,
    FundingHour,
    FundingSlice,
    Genesis,
    Input,
    NotACommand,
    QueuePosition,
    Tick,
)
from twilight.domain.model.orders import NIL_UUID, OrderStatus, OrderType
from twilight.domain.model.profile import DEFAULT, Profile
from twilight.domain.trading.cancelling import cancel_order
from twilight.domain.trading.closing import close_position
from twilight.domain.trading.opening import open_position
from twilight.domain.trading.ticks import on_tick

Decisions = Iterator[Sequence[Event]]


def decisions(state: State, given: Input, conditions: Conditions, context: Context) -> Decisions:
    """Yield the events of each decision that the input causes; the caller must `evolve` them before going on."""
    steps = _INPUTS[type(given)](Case(state, conditions, context), given)
    return steps if state.open_hour is None else records_first(state, steps)


def decide(state: State, given: Input, conditions: Conditions, context: Context) -> list[Event]:
    """Return the events that the input causes, and leave the state as it was.

    It works on a copy, which costs as much as the state is large; the running core uses `Engine.apply`.
    """
    return Engine(state.copy(), context).apply(given, conditions)


class Engine:
    """A state and the rules that move it."""

    def __init__(self, state: State, context: Context) -> None:
        self.state = state
        self.context = context

    def apply(self, given: Input, conditions: Conditions) -> list[Event]:
        """Decide and evolve one input; return its events, all of them already applied.

        An error raised before the first event leaves the state as it was; one after it raises `Corrupt`.
        """
        state, events = self.state, list[Event]()
        try:
            for decision in decisions(state, given, conditions, self.context):
                events += decision
                evolve_all(state, decision)
        except Exception as error:
            if not events:
                raise
            raise Corrupt(f"an input failed after {len(events)} of its events were applied: {error}") from error
        return events

    def fold(self, event: Event) -> None:
        """Apply an event that was decided before: recovery and a standby read the log this way."""
        evolve(self.state, event)


def new_engine(
    new_uuid: Callable[[], str],
    profile: Profile = DEFAULT,
    chain: Chain | None = None,
    state: State | None = None,
) -> Engine:
    """Return an engine; without a chain one that accepts everything and reads no payload."""
    context = Context(profile, chain or Disabled(LenientPayloads()), new_uuid)
    return Engine(state or State(), context)


# --- commands --------------------------------------------------------------------------------------------------------


def _on_command(case: Case, given: CommandInput) -> Decisions:
    command = given.command
    if given.position is not None and _seen(case.state, given.position):
        return iter(())
    handler = _COMMANDS.get(type(command))
    if handler is None:
        return iter(([_not_a_command(case, given)],))
    request_id = command.request_id  # type: ignore[union-attr]  # every client command has one
    if request_id and _was_asked(case.state, request_id):
        return iter(())
    case.metadata = command_metadata(given.position, request_id)
    return handler(case, given, command)


def _seen(state: State, position: QueuePosition) -> bool:
    """Return whether the log already holds what this command or a later one of its queue became (C5)."""
    known = state.queues.get(position.queue)
    if known is not None and known[0] == position.topic_id and position.offset <= known[1]:
        return True
    if not state.intents:
        return False
    asked = state.read_positions().get(position.queue)
    return asked is not None and asked[0] == position.topic_id and position.offset <= asked[1]


def _was_asked(state: State, request_id: str) -> bool:
    """Return whether this request was answered, or will be when the chain has answered (C7)."""
    if request_id in state.request_ids:
        return True
    return bool(state.intents) and any((one.metadata or {}).get("request_id") == request_id for one in state.asked())


def command_metadata(position: QueuePosition | None, request_id: str) -> Metadata | None:
    """Return the key metadata of every event that a command causes (C5)."""
    metadata: Metadata = {}
    if position is not None:
        metadata = {
            "queue": position.queue,
            "topic_id": position.topic_id,
            "offset": str(position.offset),
        }
    if request_id:
        metadata["request_id"] = request_id
    return metadata or None


def _not_a_command(case: Case, given: CommandInput) -> Event:
    """Return the answer to a record that is no command; its request id does not count as used (C6)."""
    command, position = given.command, given.position
    case.metadata = command_metadata(position, "")
    if isinstance(command, NotACommand):
        reason, request_id = command.reason, command.request_id
    else:
        reason, request_id = f"{type(command).__name__} is an internal marker, not a command", ""
    if position is not None:
        reason = f"{reason} (queue {position.queue}, offset {position.offset})"
    subject = Subject(NIL_UUID, "", OrderType.MARKET, request_id)
    return answers.failed(case, subject, OrderStatus.SERIALIZATION_ERROR, reason)


def _cancel(case: Case, given: CommandInput, command: Any) -> Decisions:  # noqa: ANN401, ARG001  # dispatched by type
    return cancel_order(case, command)


def _deposit(case: Case, given: CommandInput, command: Any) -> Decisions:  # noqa: ANN401, ARG001  # dispatched by type
    return deposit(case, command)


def _withdraw(case: Case, given: CommandInput, command: Any) -> Decisions:  # noqa: ANN401, ARG001  # dispatched by type
    return withdraw(case, command)


_COMMANDS: Mapping[type, Callable[[Case, CommandInput, Any], Decisions]] = {
    CreateTraderOrder: open_position,
    CreateTraderOrderSlTp: open_position,
    ExecuteTraderOrder: close_position,
    ExecuteTraderOrderSlTp: close_position,
    CancelTraderOrder: _cancel,
    CancelTraderOrderSlTp: _cancel,
    CreateLendOrder: _deposit,
    ExecuteLendOrder: _withdraw,
}

_INPUTS: Mapping[type, Callable[[Case, Any], Decisions]] = {
    CommandInput: _on_command,
    Tick: on_tick,
    FundingHour: on_funding_hour,
    FundingSlice: on_funding_slice,
    Admin: on_admin,
    Genesis: on_genesis,
    ChainAnswer: on_chain_answer,
}
