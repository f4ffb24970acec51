"""How a service process lives: one asynchronous main, a stop signal, a bounded drain."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

from twilight.ops import logs
from twilight.ops.errors import TwilightError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_NOT_DRAINED = 75

_log = logs.get(__name__)


class Stop:
    """The wish that the process ends; any thread may ask, the event loop may wait."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()

    def is_set(self) -> bool:
        """Return whether the process was asked to end."""
        return self._asked.is_set()

    def set(self) -> None:
        """Ask the process to end; safe from any thread and more than once."""
        self._asked.set()
        self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self) -> None:
        """Return when the process was asked to end."""
        await self._woken.wait()

    def wait_blocking(self, timeout_s: float) -> bool:
        """Block a thread until the process was asked to end, or the time is over; return which."""
        return self._asked.wait(timeout_s)


def run(main: Callable[[Stop], Awaitable[None]], *, drain_s: float = 10.0) -> int:
    """Run `main` until it returns; SIGTERM and SIGINT ask it to.

    A main that is still busy `drain_s` seconds after the signal is given up: the process then ends at once with
    status 75, because a service that hangs while stopping must not keep its supervisor waiting.

    Returns:
        The exit status: 0 after a clean end, 1 when `main` failed (the reason is logged).
    """
    return asyncio.run(_supervise(main, drain_s))


async def _supervise(main: Callable[[Stop], Awaitable[None]], drain_s: float) -> int:
    stop = Stop()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if not stop.is_set():
            watchdog = threading.Timer(drain_s, _give_up, args=(drain_s,))
            watchdog.daemon = True
            watchdog.start()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await main(stop)
    except TwilightError as error:
        _log.error("stopped", error=type(error).__name__, reason=str(error))
        return EXIT_FAILED
    except Exception:  # noqa: BLE001 - logged whole, then the process ends
        _log.exception("failed")
        return EXIT_FAILED
    return EXIT_OK


def _give_up(drain_s: float) -> None:
    _log.error("not drained in time", drain_s=drain_s)
    os._exit(EXIT_NOT_DRAINED)
