"""What a method may use: one call's headers and connection, and the process's services."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twilight.api.database import Database
    from twilight.api.orders.intake import Intake
    from twilight.api.questdb import QuestCandles
    from twilight.api.settings import ApiSettings
    from twilight.api.stream.hub import Hub
    from twilight.api.stream.session import Session

HEADER_CHARS_MAX = 512


@dataclass(slots=True)
class Services:
    """The parts of the process that methods work with."""

    settings: "ApiSettings"
    database: "Database"
    intake: "Intake"
    hub: "Hub"
    quest: "QuestCandles | None" = None


@dataclass(slots=True)
class Call:
    """One call: the process's services, the request's headers, and its session on a websocket."""

    services: Services
    headers: Iterable[tuple[bytes, bytes]] = field(default_factory=list)
    session: "Session | None" = None

    def has_header(self, name: bytes) -> bool:
        """Return whether the request has a header of that name (in lower case)."""
        return any(key == name for key, _ in self.headers)

    def header(self, name: bytes) -> str | None:
        """Return a header's text (named in lower case); None when absent, not ASCII or overlong."""
        for key, value in self.headers:
            if key == name:
                return value.decode() if value.isascii() and len(value) <= HEADER_CHARS_MAX else None
        return None
