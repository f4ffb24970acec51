import json

import pytest

from twilight.feeder.venues import VENUES


@pytest.mark.parametrize("name", ["coinbase", "kraken", "bitstamp"])
def test_each_product_has_a_message_of_its_own_so_one_refusal_does_not_cost_the_other(name: str) -> None:
    venue = VENUES[name]
    symbols = [venue.symbol, *venue.conversion.values()]
    messages = venue.subscribe(venue.url, symbols)
    assert len(messages) == 2
    for message, symbol, other in zip(messages, symbols, reversed(symbols), strict=True):
        assert symbol in message
        assert other not in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coinbase", {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["ticker", "heartbeat"]}),
        (
            "kraken",
            {
                "method": "subscribe",
                "params": {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"},
                "req_id": 1,
            },
        ),
        ("bitstamp", {"event": "bts:subscribe", "data": {"channel": "order_book_btcusd"}}),
        ("gemini", {"id": 1, "method": "SUBSCRIBE", "params": ["btcusd@bookTicker"]}),
        ("bitfinex", {"event": "subscribe", "channel": "ticker", "symbol": "tBTCUSD"}),
        ("okx", {"op": "subscribe", "args": [{"channel": "bbo-tbt", "instId": "BTC-USDT"}]}),
        ("bybit", {"op": "subscribe", "args": ["orderbook.1.BTCUSDT"], "req_id": "1"}),
    ],
)
def test_the_subscribe_message_is_that_of_the_specification(name: str, message: dict[str, object]) -> None:
    venue = VENUES[name]
    assert json.loads(venue.subscribe(venue.url, [venue.symbol])[0]) == message


def test_binance_subscribes_in_the_url_or_by_message() -> None:
    venue = VENUES["binance"]
    assert venue.subscribe(venue.url, [venue.symbol]) == []
    (message,) = venue.subscribe("wss://stream.binance.com:9443/ws", [venue.symbol])
    assert json.loads(message) == {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1}


def test_five_venues_quote_dollars_and_three_price_tether_for_the_others() -> None:
    assert sorted(v.name for v in VENUES.values() if v.quote == "USD") == [
        "bitfinex", "bitstamp", "coinbase", "gemini", "kraken",
    ]  # fmt: skip
    assert sorted(v.name for v in VENUES.values() if "USDT" in v.conversion) == ["bitstamp", "coinbase", "kraken"]
