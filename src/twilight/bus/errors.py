"""What Kafka can do to a writer, beyond being away (`ops.errors.Unavailable`).

TwilightError
    Unavailable
        Unacknowledged   the record may be in the log, or still come there: only the log can tell
    Fenced    another process took over this transactional id: end at once, write nothing more
    Aborted   the transaction did not happen: crash, recover from the log, go on
"""

from twilight.ops.errors import TwilightError, Unavailable


class Fenced(TwilightError):
    """A newer producer with the same transactional id exists."""


class Aborted(TwilightError):
    """The transaction was rolled back or its outcome is unknown; the log alone knows what stands in it."""


class Unacknowledged(Unavailable):
    """A record was on its way when Kafka stopped answering; whether it is in the log is not known."""
