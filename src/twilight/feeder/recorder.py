"""Writes the records of all ticks to Kafka or to rotating files, each in a thread of its own.

The timer never waits for a disk or a broker: what does not fit the queue is counted and missing from the
record, where `recompute` names the gap.
"""

import queue
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from twilight.bus.producer import Producer
from twilight.bus.topics import TopicSpec, ensure
from twilight.domain.index.params import IndexConfig
from twilight.feeder.records import ConfigRecord, config_record, encode, tick_record
from twilight.feeder.runner import Published
from twilight.ops.errors import Unavailable
from twilight.ops.logs import get

WAITING_MAX: Final = 10_000
CONFIG_EVERY_TICKS: Final = 240
RETRY_S: Final = 2.0
FLUSH_S: Final = 5.0
UNACKNOWLEDGED_MAX: Final = 2_000
DELIVERY_TIMEOUT_MS: Final = 2_147_483_647
_log = get(__name__)


class Sink(Protocol):
    """A place that keeps lines in order. ``lost`` counts the lines that it took and could not keep."""

    lost: int

    def write(self, key: str, line: bytes) -> None:
        """Keep a line; raises Unavailable if that is not possible now."""

    def close(self) -> None:
        """Make everything written durable and let go."""


class TopicSink:
    """The Kafka topic of all ticks, made on first use. Its key is the ``kid`` of the feeder.

    What it took it keeps until the cluster has it, however long that is away; when too many lines wait it takes no
    more.
    """

    def __init__(self, brokers: str, topic: str) -> None:
        self._brokers = brokers
        self._topic = topic
        self._producer: Producer | None = None
        self.lost = 0

    def write(self, key: str, line: bytes) -> None:
        """Hand a line to the producer; raises Unavailable while the cluster is away."""
        if self._producer is None:
            ensure(self._brokers, [TopicSpec(self._topic)])
            self._producer = Producer(self._brokers, linger_ms=20, delivery_timeout_ms=DELIVERY_TIMEOUT_MS)
        if self._producer.poll() >= UNACKNOWLEDGED_MAX:
            raise Unavailable(f"Kafka is away: {UNACKNOWLEDGED_MAX} lines wait for it")
        self._producer.send(self._topic, key.encode(), line, self._told)

    @property
    def waiting(self) -> int:
        """Return how many lines the cluster has not acknowledged yet."""
        return 0 if self._producer is None else self._producer.pending()

    def close(self) -> None:
        """Wait for the acknowledgements; raises Unavailable without them, and counts what is missing."""
        if self._producer is not None:
            try:
                self._producer.flush(FLUSH_S)
            finally:
                self.lost += self.waiting

    def _told(self, failure: Unavailable | None) -> None:
        if failure is not None:
            self.lost += 1
            _log.error("a line of the record is lost", reason=str(failure))


class FileSink:
    """Files of one line a record, the newest so many of so many bytes; each begins with the configuration."""

    lost = 0

    def __init__(self, folder: Path, config: ConfigRecord, bytes_max: int, files_max: int) -> None:
        self._folder = folder
        self._header = encode(config) + b"\n"
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._file: BinaryIO | None = None
        self._size = 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, key: str, line: bytes) -> None:
        """Append a line, in the next file if this one is full; raises Unavailable for a disk that refuses."""
        del key
        try:
            if self._file is None or self._size + len(line) >= self._bytes_max:
                self._turn()
            self._append(line + b"\n")
        except OSError as error:
            raise Unavailable(f"cannot write to {self._folder}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            self._file.flush()
            self._size += len(data)

    def _turn(self) -> None:
        self.close()
        files = record_files(self._folder)
        number = int(files[-1].stem.split("-")[1]) + 1 if files else 1
        self._file = (self._folder / f"ticks-{number:08d}.jsonl").open("xb")
        self._size = 0
        self._append(self._header)
        for old in files[: max(0, len(files) + 1 - self._files_max)]:
            old.unlink()


def record_files(folder: Path) -> list[Path]:
    """Return the record files of a folder, oldest first."""
    return sorted(folder.glob("ticks-*.jsonl"))


class Recorder:
    """The thread that keeps published ticks in one sink."""

    def __init__(self, config: IndexConfig, sink: Sink) -> None:
        self._config = config_record(config)
        self._sink = sink
        self._waiting: queue.Queue[Published | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._stopping = threading.Event()
        self._lost = 0
        self.recorded = 0
        self._thread.start()

    @property
    def lost(self) -> int:
        """Return how many records are missing: not offered in time, or taken by the sink and not kept."""
        return self._lost + self._sink.lost

    def offer(self, published: Published) -> None:
        """Have a tick recorded; never waits."""
        try:
            self._waiting.put_nowait(published)
        except queue.Full:
            self._lost += 1

    def close(self, within_s: float) -> None:
        """Record what is waiting, then stop; what takes longer is left and counted."""
        self._stopping.set()
        deadline = time.monotonic() + within_s
        while not self._waiting.empty() and time.monotonic() < deadline:
            time.sleep(0.02)
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(max(0.1, deadline - time.monotonic()))
        if self._thread.is_alive():
            left = self._waiting.qsize()  # the end's mark among them stands for the tick in hand
            self._lost += left
            _log.error("the sink was too slow to the end", ticks_left=left)

    def _run(self) -> None:
        while (published := self._waiting.get()) is not None:
            kid = published.tick.kid
            if (published.tick.seq - 1) % CONFIG_EVERY_TICKS == 0:
                self._write(kid, encode(self._config))
            self._write(kid, encode(tick_record(published, self._config.id)))
            self.recorded += 1
        self._close()

    def _write(self, kid: str, line: bytes) -> None:
        """Try until the sink takes the line; while stopping only once."""
        while True:
            try:
                self._sink.write(kid, line)
            except Unavailable as error:
                _log.warning("tick not recorded yet", reason=str(error))
                if self._stopping.wait(RETRY_S):
                    self._lost += 1
                    return
            else:
                return

    def _close(self) -> None:
        try:
            self._sink.close()
        except Unavailable as error:
            _log.error("last ticks may not be recorded", reason=str(error))
