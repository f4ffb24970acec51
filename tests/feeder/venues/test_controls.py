"""Frames that are no quotes, and what each means for the connection."""

# ruff: noqa: E501 - frames are kept whole

import pytest

from twilight.feeder.venues import VENUES, Control, ControlKind, TopOfBook

K = ControlKind
SUBSCRIBED_BITFINEX = '{"event":"subscribed","channel":"ticker","chanId":7,"symbol":"tBTCUSD","pair":"BTCUSD"}'

CASES = [
    ("coinbase", '{"type":"heartbeat","sequence":1,"product_id":"BTC-USD"}', K.ALIVE, None),
    ("coinbase", '{"type":"subscriptions","channels":[]}', K.SUBSCRIBED, None),
    ("coinbase", '{"type":"error","message":"Failed","reason":"USDT-USD is not valid"}', K.REFUSED, "USDT-USD"),
    ("coinbase", '{"type":"error","message":"slow down"}', K.REFUSED, None),
    ("coinbase", '{"type":"received","price":"1"}', K.IGNORED, None),
    ("coinbase", '{"type":"ticker","product_id":"ETH-USD","best_bid":"1","best_ask":"2"}', K.IGNORED, None),
    ("coinbase", '{"type":"ticker","product_id":"BTC-USD","best_bid":"NaN","best_ask":"2"}', K.BAD, None),
    ("coinbase", '{"type":"ticker","product_id":"BTC-USD","best_bid":61822.3,"best_ask":"2"}', K.BAD, None),
    ("kraken", '{"channel":"heartbeat"}', K.ALIVE, None),
    ("kraken", '{"method":"pong","time_in":"x"}', K.ALIVE, None),
    ("kraken", '{"channel":"status","type":"update","data":[{"system":"online"}]}', K.RESUMED, None),
    ("kraken", '{"channel":"status","type":"update","data":[{"system":"maintenance"}]}', K.PAUSED, None),
    ("kraken", '{"channel":"status","type":"update","data":[{"system":"cancel_only"}]}', K.PAUSED, None),
    ("kraken", '{"channel":"status","type":"update","data":[{"system":"post_only"}]}', K.PAUSED, None),
    ("kraken", '{"channel":"status","type":"update","data":[{"system":"limit_only"}]}', K.IGNORED, None),
    ("kraken", '{"channel":"status","type":"update","data":[]}', K.IGNORED, None),
    ("kraken", '{"channel":"status","data":[{"system":{}}]}', K.IGNORED, None),
    ("kraken", '{"method":"subscribe","success":true,"result":{"symbol":"USDT/USD"}}', K.SUBSCRIBED, "USDT/USD"),
    ("kraken", '{"method":"subscribe","success":false,"symbol":"BTC/USD","error":"no"}', K.REFUSED, "BTC/USD"),
    ("kraken", '{"channel":"ticker","data":[{"symbol":"BTC/USD","bid":-1,"ask":2}]}', K.BAD, None),
    ("bitstamp", '{"event":"bts:subscription_succeeded","channel":"order_book_btcusd"}', K.SUBSCRIBED, "btcusd"),
    ("bitstamp", '{"event":"bts:error","channel":"order_book_usdtusd","data":{}}', K.REFUSED, "usdtusd"),
    ("bitstamp", '{"event":"bts:request_reconnect","channel":"","data":""}', K.RECONNECT, None),
    ("bitstamp", '{"event":"bts:heartbeat","data":{"status":"success"}}', K.ALIVE, None),
    ("bitstamp", '{"event":"data","channel":"order_book_btcusd","data":{"bids":[],"asks":[["1","1"]]}}', K.IGNORED, None),
    ("bitstamp", '{"event":"data","channel":"order_book_btcusd","data":{"bids":7}}', K.BAD, None),
    ("gemini", '{"id":1,"status":200}', K.SUBSCRIBED, None),
    ("gemini", '{"id":1,"status":400,"error":{"msg":"no"}}', K.REFUSED, None),
    ("gemini", '{"u":1,"E":1783981140076872200,"s":"btcusd"}', K.IGNORED, None),
    ("gemini", '{"u":1,"E":1783981140076872200,"s":"btcusd","b":"1"}', K.IGNORED, None),
    ("gemini", '{"u":1,"s":"btcusd","b":"1","a":"Infinity"}', K.BAD, None),
    ("bitfinex", SUBSCRIBED_BITFINEX, K.SUBSCRIBED, "tBTCUSD"),
    ("bitfinex", '{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD"}', K.IGNORED, None),
    ("bitfinex", '{"event":"error","msg":"symbol: invalid","symbol":"tBTCUSD"}', K.REFUSED, "tBTCUSD"),
    ("bitfinex", '{"event":"info","code":20051,"msg":"restart"}', K.RECONNECT, None),
    ("bitfinex", '{"event":"info","code":20060}', K.PAUSED, None),
    ("bitfinex", '{"event":"info","code":20061}', K.RECONNECT, None),
    ("bitfinex", '{"event":"info","version":2,"platform":{"status":0}}', K.PAUSED, None),
    ("bitfinex", '{"event":"info","version":2,"platform":{"status":1}}', K.IGNORED, None),
    ("bitfinex", '[7,"hb"]', K.ALIVE, None),
    ("bitfinex", "[7,[1,1,2,1,0,0,1]]", K.IGNORED, None),
    ("binance", '{"result":null,"id":1}', K.SUBSCRIBED, None),
    ("binance", '{"error":{"code":2,"msg":"Invalid request"},"id":1}', K.REFUSED, None),
    ("binance", '{"e":"serverShutdown","E":1}', K.RECONNECT, None),
    ("binance", '{"stream":"!","data":{"e":"serverShutdown","E":1}}', K.RECONNECT, None),
    ("binance", '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1"}}', K.BAD, None),
    ("binance", '{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT"}}', K.IGNORED, None),
    ("okx", "pong", K.ALIVE, None),
    ("okx", '{"event":"subscribe","arg":{"channel":"bbo-tbt","instId":"BTC-USDT"}}', K.SUBSCRIBED, "BTC-USDT"),
    ("okx", '{"event":"error","code":"60018","msg":"instId:BTC-USDT does not exist"}', K.REFUSED, "BTC-USDT"),
    ("okx", '{"event":"notice","code":"64008","msg":"closing soon"}', K.RECONNECT, None),
    ("okx", '{"event":"notice","code":"1","msg":"hello"}', K.IGNORED, None),
    ("okx", '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[],"bids":[["1","1"]],"ts":"1"}]}', K.IGNORED, None),
    ("okx", '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["x"]],"bids":[["1"]],"ts":"1"}]}', K.BAD, None),
    ("bybit", '{"success":true,"ret_msg":"subscribe","op":"subscribe","req_id":"1"}', K.SUBSCRIBED, None),
    ("bybit", '{"success":true,"ret_msg":"pong","op":"ping"}', K.ALIVE, None),
    ("bybit", '{"success":false,"ret_msg":"handler not found,topic:orderbook.1.BTCUSDT"}', K.REFUSED, "BTCUSDT"),
    ("bybit", '{"topic":"orderbook.1.BTCUSDT","type":"delta","data":{"b":[["1","1"]],"a":[["2","0"]]}}', K.IGNORED, None),
    ("bybit", '{"topic":"orderbook.1.BTCUSDT","type":"snapshot","data":{"b":[],"a":[["2","1"]]}}', K.IGNORED, None),
    ("bybit", '{"topic":"orderbook.1.BTCUSDT","type":"snapshot","data":{"b":[["-1","1"]],"a":[["2","1"]]}}', K.BAD, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "frame", "kind", "symbol"), CASES)
def test_a_frame_that_is_no_quote_says_what_it_means_and_whom_it_concerns(
    name: str, frame: str, kind: ControlKind, symbol: str | None
) -> None:
    venue = VENUES[name]
    for text in (frame, frame.encode()):
        (signal,) = venue.decoder([venue.symbol, *venue.conversion.values()])(text)
        assert isinstance(signal, Control)
        assert (signal.kind, signal.symbol) == (kind, symbol)


def test_a_combined_binance_frame_is_read_in_whatever_order_its_members_stand() -> None:
    decode = VENUES["binance"].decoder(["BTCUSDT"])
    data = '{"u":1,"s":"BTCUSDT","b":"1","a":"2"}'
    for frame in (
        f'{{ "stream":"btcusdt@bookTicker","data":{data}}}',
        f'{{"data":{data},"stream":"btcusdt@bookTicker"}}',
    ):
        (quote,) = decode(frame.encode())
        assert isinstance(quote, TopOfBook)
        assert (quote.bid, quote.ask) == (10**8, 2 * 10**8)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    "frame", ["", "null", '"x"', "{", "{}", "[]", "7", "[[[[", "{" * 5_000, "[" * 5_000, "\ud800", b"\xff"]
)
def test_rubbish_is_counted_as_bad_or_ignored_by_every_adapter(name: str, frame: str | bytes) -> None:
    venue = VENUES[name]
    (signal,) = venue.decoder([venue.symbol])(frame)
    assert isinstance(signal, Control)
    assert signal.kind in {K.BAD, K.IGNORED}


def test_a_bitfinex_channel_number_lives_as_long_as_its_connection() -> None:
    ticker = '[7,[61812,0.8174345,61817,0.30248938,6650,0.1207,61812,900.87,62770,54540,"new"]]'
    decode = VENUES["bitfinex"].decoder(["tBTCUSD"])
    decode(SUBSCRIBED_BITFINEX)
    assert decode(ticker) == (TopOfBook("tBTCUSD", 6_181_200_000_000, 6_181_700_000_000, "0.8174345", "0.30248938"),)
    (again,) = VENUES["bitfinex"].decoder(["tBTCUSD"])(ticker)
    assert again == Control(K.IGNORED)


def test_a_bybit_id_of_one_restarts_the_numbering() -> None:
    frame = '{"topic":"orderbook.1.BTCUSDT","ts":9,"cts":8,"type":"snapshot","data":{"b":[["1","3"]],"a":[["2","4"]],"u":1}}'
    (quote,) = VENUES["bybit"].decoder(["BTCUSDT"])(frame)
    assert quote == TopOfBook("BTCUSDT", 10**8, 2 * 10**8, "3", "4", 8_000, 1, restarts=True)


def test_exchange_times_are_exact_microseconds() -> None:
    frames = {
        "coinbase": '{"type":"ticker","product_id":"BTC-USD","best_bid":"1","best_ask":"2","time":"2024-08-08T23:54:16.446683Z"}',
        "kraken": '{"channel":"ticker","data":[{"symbol":"BTC/USD","bid":1,"ask":2,"timestamp":"2024-08-08T23:54:16.446683Z"}]}',
        "bitstamp": '{"event":"data","channel":"order_book_btcusd","data":{"microtimestamp":"1723161256446683","bids":[["1","1"]],"asks":[["2","1"]]}}',
        "gemini": '{"s":"btcusd","b":"1","a":"2","E":1723161256446683999}',
    }
    for name, frame in frames.items():
        (quote,) = VENUES[name].decoder([VENUES[name].symbol])(frame)
        assert isinstance(quote, TopOfBook)
        assert quote.exchange_us == 1_723_161_256_446_683
