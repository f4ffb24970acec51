"""What a chain must offer the core, whichever it is."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from twilight.domain.model.chain import Accepted, Refused
from twilight.domain.model.inflight import Intent


@dataclass(frozen=True, slots=True)
class NeverSeen:
    """The chain has not got the transaction: it may be sent, which is no sending again.

    A message that is still on its way must not make two of it: the coin that the transaction spends, or the pool's
    state that it goes on from, is spent once, and the chain knows what has come twice.
    """


class Heard(NamedTuple):
    """What the chain says of one intent."""

    intent_id: str
    said: Accepted | Refused | NeverSeen


class ChainPort(Protocol):
    """A chain. Nothing here waits for it: what it says is fetched by `heard` (W-38)."""

    def send(self, intent: Intent) -> None:
        """Send a transaction whose intent is in the log."""

    def ask(self, intent: Intent) -> None:
        """Ask what became of a transaction."""

    def heard(self) -> list[Heard]:
        """Return what was said since the last call, in any order, also more than once.

        ``Refused`` with `STATE_NOT_READY` means that the chain did not take it and may be sent it once more.
        """

    def close(self) -> None:
        """End the connection."""
