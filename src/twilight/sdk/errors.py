"""What can go wrong for a client, by what the client does about it.

ClientError
    Away              the exchange does not answer now: try again after ``retry_after_s``
    Refused           the call was understood and refused: change it; ``code`` and ``reason`` say why
    UnreadableAnswer  what came back is no answer of this exchange: stop, nothing may be built on it
    Unanswered        a request was taken but no answer was seen in time: ask again later
    KeyringError      the file of keys cannot be used
"""

from typing import Final

RETRY_AFTER_S: Final = 1.0


class ClientError(Exception):
    """Something that a user of the client can name and act on."""


class Away(ClientError):
    """The exchange does not answer, or sheds load."""

    def __init__(self, message: str, *, retry_after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(ClientError):
    """The exchange understood the call and said no."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(f"{message} ({reason or code})")
        self.code = code
        self.message = message
        self.reason = reason


class UnreadableAnswer(ClientError):
    """The answer is not what the method promises."""


class Unanswered(ClientError):
    """The request is in the queue, but its answer was not seen in time."""

    def __init__(self, request_id: str, waited_s: float) -> None:
        super().__init__(f"no answer to {request_id} within {waited_s:g} s")
        self.request_id = request_id


class KeyringError(ClientError):
    """The file of keys is missing, readable by others, or damaged."""
