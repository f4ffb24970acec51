"""Eight venues that together send so many frames a second, as a process: `python cannon.py RATE PORTS_FILE`.

The frames are of the venues' own formats; the market walks a little and every venue follows it closely.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

TICK_S = 0.01
TETHER = 0.99973


class Market:
    def __init__(self) -> None:
        self.chance = random.Random(7)
        self.mid = 61_822.0
        self.number = 0

    def move(self) -> None:
        self.mid *= 1 + self.chance.gauss(0, 2e-6)
        self.number += 1

    def sides(self) -> tuple[str, str]:
        mid = self.mid * (1 + self.chance.gauss(0, 1e-5))
        return f"{mid - 0.05:.2f}", f"{mid + 0.05:.2f}"

    def tether_sides(self) -> tuple[str, str]:
        mid = self.mid / TETHER * (1 + self.chance.gauss(0, 1e-5))
        return f"{mid - 0.05:.2f}", f"{mid + 0.05:.2f}"


def now() -> datetime:
    return datetime.now(UTC)


def millis() -> int:
    return int(now().timestamp() * 1_000)


def moment() -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def coinbase(m: Market) -> str:
    product, (bid, ask) = ("USDT-USD", ("0.99972", "0.99974")) if m.number % 50 == 0 else ("BTC-USD", m.sides())
    return json.dumps({
        "type": "ticker", "sequence": m.number, "product_id": product, "price": bid, "open_24h": "55135.00",
        "volume_24h": "18250.11", "low_24h": "54558.62", "high_24h": "62745.14", "volume_30d": "402113.9",
        "best_bid": bid, "best_bid_size": "0.77", "best_ask": ask, "best_ask_size": "1.56", "side": "sell",
        "time": moment(), "trade_id": m.number, "last_size": "0.01",
    })  # fmt: skip


def kraken(m: Market) -> str:
    symbol, (bid, ask) = ("USDT/USD", ("0.99972", "0.99974")) if m.number % 50 == 0 else ("BTC/USD", m.sides())
    return (
        f'{{"channel":"ticker","type":"update","data":[{{"symbol":"{symbol}","bid":{bid},"bid_qty":0.27985977,'
        f'"ask":{ask},"ask_qty":0.01166895,"last":{bid},"volume":3105.2,"vwap":59010.7,"low":54560.0,'
        f'"high":62750.1,"change":6650.1,"change_pct":12.1,"timestamp":"{moment()}"}}]}}'
    )


def bitstamp(m: Market) -> str:
    pair, (bid, ask) = ("usdtusd", ("0.99972", "0.99974")) if m.number % 50 == 0 else ("btcusd", m.sides())
    book = {
        "timestamp": "1",
        "microtimestamp": str(millis() * 1_000),
        "bids": [[bid, "1"]] * 5,
        "asks": [[ask, "1"]] * 5,
    }
    return json.dumps({"data": book, "channel": f"order_book_{pair}", "event": "data"})


def gemini(m: Market) -> str:
    bid, ask = m.sides()
    return f'{{"u":{m.number},"E":{millis() * 1_000_000},"s":"btcusd","b":"{bid}","B":"1","a":"{ask}","A":"1"}}'


def bitfinex(m: Market) -> str:
    bid, ask = m.sides()
    return f"[7,[{bid},0.8174345,{ask},0.30248938,6650,0.1207,61812,900.87,62770,54540]]"


def binance(m: Market) -> str:
    bid, ask = m.tether_sides()
    return (
        f'{{"stream":"btcusdt@bookTicker","data":{{"u":{m.number},"s":"BTCUSDT","b":"{bid}","B":"0.3",'
        f'"a":"{ask}","A":"5.7"}}}}'
    )


def okx(m: Market) -> str:
    bid, ask = m.tether_sides()
    return (
        f'{{"arg":{{"channel":"bbo-tbt","instId":"BTC-USDT"}},"data":[{{"asks":[["{ask}","1","0","3"]],'
        f'"bids":[["{bid}","1","0","2"]],"ts":"{millis()}","seqId":{m.number}}}]}}'
    )


def bybit(m: Market) -> str:
    bid, ask = m.tether_sides()
    return (
        f'{{"topic":"orderbook.1.BTCUSDT","ts":{millis()},"type":"snapshot","data":{{"s":"BTCUSDT",'
        f'"b":[["{bid}","2"]],"a":[["{ask}","1"]],"u":{m.number + 1},"seq":1}},"cts":{millis()}}}'
    )


FRAMES: dict[str, Callable[[Market], str]] = {
    "binance": binance, "bitfinex": bitfinex, "bitstamp": bitstamp, "bybit": bybit,
    "coinbase": coinbase, "gemini": gemini, "kraken": kraken, "okx": okx,
}  # fmt: skip


class Client(WSListener):
    def __init__(self, name: str, clients: list[tuple[str, WSTransport]]) -> None:
        super().__init__()
        self.name = name
        self.clients = clients

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.name == "bitfinex":
            reply = {"event": "subscribed", "channel": "ticker", "chanId": 7, "symbol": "tBTCUSD", "pair": "BTCUSD"}
            transport.send(WSMsgType.TEXT, json.dumps(reply).encode())
        self.clients.append((self.name, transport))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.clients[:] = [entry for entry in self.clients if entry[1] is not transport]


async def main(rate: float, ports: Path) -> None:
    market, clients, servers, urls = Market(), [], [], {}
    for name in FRAMES:
        server = await ws_create_server(lambda _, name=name: Client(name, clients), "127.0.0.1", 0)
        servers.append(server)
        path = "/stream?streams=btcusdt@bookTicker" if name == "binance" else "/"
        urls[name] = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    ports.write_text(json.dumps(urls))  # noqa: ASYNC240 - before anything runs
    loop = asyncio.get_running_loop()
    start, sent = loop.time(), 0.0
    while True:
        await asyncio.sleep(TICK_S)
        due = (loop.time() - start) * rate
        while sent < due and clients:
            market.move()
            name, transport = clients[market.number % len(clients)]
            transport.send(WSMsgType.TEXT, FRAMES[name](market).encode())
            sent += 1
        sent = max(sent, due - rate)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Path(sys.argv[2])))
