"""Ten thousand random and mutated frames per adapter: nothing raises, and nothing unreadable becomes a price."""

# ruff: noqa: E501 - frames are kept whole

import random

import pytest

from twilight.feeder.venues import VENUES, Control, ControlKind, TopOfBook

SEEDS = {
    "coinbase": ['{"type":"ticker","product_id":"BTC-USD","best_bid":"61822.30","best_ask":"61822.32","time":"2024-08-08T23:54:16.446683Z"}'],
    "kraken": ['{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":61804.5,"bid_qty":0.27,"ask":61804.6,"ask_qty":0.01,"timestamp":"2024-08-08T23:54:16.488054Z"}]}', '{"channel":"status","data":[{"system":"online"}]}'],
    "bitstamp": ['{"data":{"microtimestamp":"1723161256378013","bids":[["61804","1.1"]],"asks":[["61806","0.5"]]},"channel":"order_book_btcusd","event":"data"}'],
    "gemini": ['{"u":1764549594389752,"E":1723161256269029888,"s":"btcusd","b":"61806.26","B":"3.86","a":"61810.29","A":"0.16"}', '{"id":1,"status":200}'],
    "bitfinex": ['{"event":"subscribed","channel":"ticker","chanId":147794,"symbol":"tBTCUSD","pair":"BTCUSD"}', "[147794,[61812,0.8174345,61817,0.30248938,6650,0.1207,61812,900.87,62770,54540]]"],
    "binance": ['{"stream":"btcusdt@bookTicker","data":{"u":50093240744,"s":"BTCUSDT","b":"61824.00000000","B":"0.34769000","a":"61824.01000000","A":"5.75646000"}}', '{"u":5,"s":"BTCUSDT","b":"1","a":"2"}'],
    "okx": ['{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["61823.4","0.06","0","3"]],"bids":[["61823.3","0.16","0","2"]],"ts":"1723161256322","seqId":31}]}', '{"event":"notice","code":"64008"}'],
    "bybit": ['{"topic":"orderbook.1.BTCUSDT","ts":1723161256435,"type":"snapshot","data":{"s":"BTCUSDT","b":[["61824.70","2.4"]],"a":[["61825.00","0.25"]],"u":52000000,"seq":41},"cts":1723161256433}'],
}  # fmt: skip
SPLINTERS = [
    "null",
    "-1",
    "NaN",
    "1e309",
    "1e-400",
    '""',
    "[]",
    "{}",
    "[[",
    "}}",
    "\\u0000",
    "9" * 40,
    "true",
    '"\ud83d"',
    "1.",
    ".5",
]


def mutated(chance: random.Random, frame: str) -> str | bytes:
    text = list(frame)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        length = chance.choice([0, 1, 1, 2, 8])
        text[place : place + length] = chance.choice([[], [chr(chance.randrange(32, 0x250))], chance.choice(SPLINTERS)])
        text = text or [" "]
    whole = "".join(text)
    return chance.choice([whole, whole.encode("utf-8", "surrogatepass"), whole[: chance.randrange(len(whole) + 1)]])


def random_frame(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(80))


@pytest.mark.parametrize("name", VENUES)
def test_ten_thousand_wicked_frames_never_raise(name: str) -> None:
    chance = random.Random(f"wicked {name}")
    venue = VENUES[name]
    decode = venue.decoder([venue.symbol, *venue.conversion.values()])
    for frame in SEEDS[name]:
        decode(frame)
    for number in range(10_000):
        frame = random_frame(chance) if number % 10 == 0 else mutated(chance, chance.choice(SEEDS[name]))
        for signal in decode(frame):
            if isinstance(signal, TopOfBook):
                assert 0 <= signal.bid <= 10**20
                assert 0 <= signal.ask <= 10**20
            else:
                assert isinstance(signal, Control)
                assert signal.kind in ControlKind
