"""The plainest publisher there can be, for tests in which nothing happens beside the loop."""

from twilight.core.ports import Writer
from twilight.core.publisher import Publication, write_down


class DirectPublisher:
    """Writes each batch before anything else happens."""

    def __init__(self, writer: Writer, topic: str, offset: int) -> None:
        self._writer = writer
        self._topic = topic
        self.written = {topic: offset}

    @property
    def offset(self) -> int:
        """The offset of the newest event."""
        return self.written[self._topic]

    def submit(self, publication: Publication) -> None:
        """Write the batch and tell what waited for it."""
        write_down([publication], self._writer, self._topic, self.written)

    def check(self) -> None:
        """Return: what went wrong was raised by `submit`."""

    def settle(self) -> None:
        """Return: nothing is ever on its way."""
