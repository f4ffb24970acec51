"""Virtual time: many threads, of which exactly one runs, and a clock that jumps to whatever comes next.

A thread runs until it sleeps; then the earliest of all waiting threads and actions goes on. So the order of everything
follows from the seed, and a minute of idling costs nothing.
"""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

NS = 1_000_000_000
THREAD_STUCK_S = 60.0


class Task:
    """One thread of the simulation; `work` must let no exception out."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.turn = threading.Semaphore(0)
        self.ended = False


@dataclass
class VirtualTime:
    """The scheduler and its clock."""

    now_ns: int
    _waiting: list[tuple[int, int, Task | Callable[[], None]]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _main: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _until_ns: int = 0
    _running: Task | None = None
    halted: bool = False
    """Set when something is so wrong that no more time needs to pass."""

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later, outside of every thread; it must not sleep."""
        self._push(self.now_ns + int(delay_s * NS), action)

    def every(self, period_s: float, action: Callable[[], None]) -> None:
        """Do something again and again."""

        def again() -> None:
            action()
            self.after(period_s, again)

        self.after(period_s, again)

    def spawn(self, work: Callable[[], None]) -> None:
        """Start a thread; it runs when the one that runs now sleeps."""
        task = Task(work)
        threading.Thread(target=self._run_task, args=(task,), daemon=True).start()
        self._push(self.now_ns, task)

    def sleep(self, delay_s: float) -> None:
        """Let the running thread wait."""
        task, wake_ns = self._running, self.now_ns + max(0, int(delay_s * NS))
        assert task is not None, "only a thread of the simulation can sleep"
        if wake_ns <= self._until_ns and (not self._waiting or self._waiting[0][0] > wake_ns):
            self.now_ns = wake_ns  # nothing comes before: the same as going through the scheduler
            return
        self._push(wake_ns, task)
        self._main.release()
        task.turn.acquire()

    def park(self, where: list[Task]) -> None:
        """Let the running thread wait at a place until `wake` is told of that place."""
        task = self._running
        assert task is not None, "only a thread of the simulation can wait"
        where.append(task)
        self._main.release()
        task.turn.acquire()

    def wake(self, where: list[Task]) -> None:
        """Let all threads that wait at a place go on, once the one that runs now sleeps."""
        for task in where:
            self._push(self.now_ns, task)
        where.clear()

    def run(self, duration_s: float) -> None:
        """Let the time pass."""
        self._until_ns = self.now_ns + int(duration_s * NS)
        while self._waiting and self._waiting[0][0] <= self._until_ns and not self.halted:
            self.now_ns, _, next_up = heapq.heappop(self._waiting)
            if isinstance(next_up, Task):
                self._resume(next_up)
            else:
                next_up()
        self.now_ns = self._until_ns

    def _resume(self, task: Task) -> None:
        self._running = task
        task.turn.release()
        assert self._main.acquire(timeout=THREAD_STUCK_S), "a thread of the simulation neither sleeps nor ends"
        self._running = None

    def _run_task(self, task: Task) -> None:
        task.turn.acquire()
        try:
            task.work()
        finally:
            task.ended = True
            self._main.release()

    def _push(self, at_ns: int, what: Task | Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (at_ns, next(self._numbers), what))
