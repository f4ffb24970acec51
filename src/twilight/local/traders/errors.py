"""What can stop a demo trader."""

from twilight.ops.errors import TwilightError


class BookError(TwilightError):
    """The file with a trader's orders cannot be used; the message says what to do."""
