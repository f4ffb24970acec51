"""The seed's own line over TCP, for installations that want it (storage specification 7.3).

Nothing answers on that socket, so lines can be lost; the tables over HTTP are the ones that count.
"""

import contextlib
import math
import socket
from collections.abc import Sequence
from typing import Literal

from prometheus_client import Counter

from twilight.archiver.trades import OrderTrade
from twilight.ops.errors import Unavailable
from twilight.ops.settings import host_port

CONNECT_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 10.0
ClosePrice = Literal["settlement", "entry"]
_LINES = Counter("archiver_questdb_lines_total", "Lines written to QuestDB over TCP")
_UNSENDABLE = Counter("archiver_questdb_unsendable_total", "Trades without a finite price or size, not sent")


def line_of(table: str, trade: OrderTrade, close_price: ClosePrice = "settlement") -> bytes | None:
    """Return the line of a trade, None when a number is not finite."""
    price = trade.entry_price if close_price == "entry" else trade.price
    if not (math.isfinite(price) and math.isfinite(trade.position_size)):
        return None
    side, amount = trade.questdb_side, trade.position_size
    return f"{table} side={side}i,price={_number(price)},amount={_number(amount)} {trade.ts_ns}\n".encode()


def _number(value: float) -> str:
    """Return the shortest text: whole numbers without a point, as the seed's producer writes them."""
    return repr(value).removesuffix(".0")


class LineWriter:
    """One TCP connection, opened when needed; each batch of lines is one write."""

    def __init__(self, address: str, table: str = "recentorders", close_price: ClosePrice = "settlement") -> None:
        self._host, self._port = host_port(address)
        self._table = table
        self._close_price: ClosePrice = close_price
        self._socket: socket.socket | None = None

    def write(self, trades: Sequence[OrderTrade]) -> None:
        """Send the lines of the trades.

        Raises:
            Unavailable: the connection broke; the trades are to be sent again, QuestDB drops what it has.
        """
        lines = [line_of(self._table, trade, self._close_price) for trade in trades]
        sendable = [line for line in lines if line is not None]
        _UNSENDABLE.inc(len(lines) - len(sendable))
        if not sendable:
            return
        try:
            self._connected().sendall(b"".join(sendable))
        except OSError as error:
            self.close()
            raise Unavailable(f"QuestDB's line port {self._host}:{self._port} broke: {error}") from error
        _LINES.inc(len(sendable))

    def check(self) -> None:
        """Notice a hang-up also while there is nothing to send: lines just sent may be lost.

        Raises:
            Unavailable: the other side has closed the connection.
        """
        if self._socket is not None and _is_closed(self._socket):
            self.close()
            raise Unavailable("QuestDB closed the line connection")

    def _connected(self) -> socket.socket:
        self.check()
        if self._socket is None:
            self._socket = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S)
            self._socket.settimeout(SEND_TIMEOUT_S)
        return self._socket

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has hung up: nothing ever answers, so anything readable is the end."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(SEND_TIMEOUT_S)
