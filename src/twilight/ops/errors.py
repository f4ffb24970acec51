"""The services' error tree. The exchange's own refusals live in `twilight.domain.model.errors`.

TwilightError
    SettingsError   the operator must mend the configuration before a start
    Unavailable     something outside is away: try again after `retry_after_s`
    Corrupt         what was read cannot be true: stop, nothing may be built on it
"""

from collections.abc import Sequence


class TwilightError(Exception):
    """Something that a caller of a service can name and act on."""


class SettingsError(TwilightError):
    """The configuration cannot be used; `str()` tells every fault, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class Unavailable(TwilightError):
    """A server that is needed does not answer now."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Corrupt(TwilightError):
    """Stored data contradicts itself or its checksum."""
