"""The domain's own error tree, drawn here in full.

DomainError
├── Rejected        the caller must change the request; becomes one answer record
├── InvalidParams   an administrator's call has a number out of bounds; nothing was changed
├── Corrupt         an event cannot follow the state it meets; the process must stop
├── NotWritable     the wire cannot carry what was decided; nothing of that decision was applied
└── NotSupported    this build lacks what was asked for and says so
"""

from twilight.domain.model.orders import OrderStatus


class DomainError(Exception):
    """Every error that the domain raises on purpose."""


class Rejected(DomainError):
    """A request may not be carried out; the caller gets one answer record with this status.

    ``reason`` starts with the stable code where section 7 of the engine specification gives one,
    and says what was expected and found. ``agg_id`` is the record key's aggregate (wire 1.5).
    """

    def __init__(self, status: OrderStatus, reason: str, agg_id: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.agg_id = agg_id


class InvalidParams(DomainError):
    """An administrator's number is out of its bounds (R23): the call changed nothing and emitted nothing (R31)."""


class Corrupt(DomainError):
    """An event cannot follow the state: going on would invent money, so the process stops."""


class NotWritable(DomainError):
    """The events of a decision cannot be written down; whoever decided may decide something else."""


class NotSupported(DomainError):
    """The profile or build does not offer this call."""
