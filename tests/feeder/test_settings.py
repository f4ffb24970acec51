import pytest

from twilight.domain.index.params import IndexParams
from twilight.feeder.settings import FeederConfig, address_fault, configure
from twilight.feeder.venues import VENUES
from twilight.ops.errors import SettingsError


def configured(monkeypatch: pytest.MonkeyPatch, **environment: str) -> FeederConfig:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return configure()


def faults(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        configured(monkeypatch, **environment)
    return str(caught.value).splitlines()


def test_without_any_setting_all_eight_venues_run_with_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(monkeypatch)
    assert len(config.venues) == 8
    assert config.index.params == IndexParams()
    assert config.settings.feeder_addr == "127.0.0.1:9301"
    stale = {source.name: source.quote_stale_ms for source in config.index.sources}
    assert stale["bitfinex"] == 15_000
    assert set(stale.values()) == {5_000, 15_000}
    silent = {source.name: source.link_stale_ms for source in config.index.sources}
    assert silent["bitfinex"] > 15_000  # its heartbeat comes every 15 s
    assert set(silent.values()) == {5_000, 20_000}


def test_every_parameter_of_the_index_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(monkeypatch, FEEDER_STEP_BPS="60", FEEDER_MODE="median", FEEDER_QUOTE_STALE_MS="4000")
    assert (config.index.params.step_bps, config.index.params.mode) == (60, "median")
    assert {source.quote_stale_ms for source in config.index.sources} == {4_000, 15_000}


def test_faults_of_the_process_of_venues_and_of_the_index_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"FEEDER_ADDR": "nowhere", "LOG_LEVEL": "loud", "FEEDER_KRAKEN_URL": "http://x", "FEEDER_STEP_BPS": "many"}
    assert {line.split(":")[0] for line in faults(monkeypatch, **wrong, FEEDER_VENUES="kraken,mtgox")} == {
        *wrong,
        "FEEDER_VENUES",
    }


def test_a_venue_takes_its_own_url_symbol_weight_and_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(
        monkeypatch,
        FEEDER_KRAKEN_URL="ws://127.0.0.1:7000/v2",
        FEEDER_KRAKEN_SYMBOL="XBT/USD",
        FEEDER_KRAKEN_CONVERSION_SYMBOL="USDT/EUR",
        FEEDER_KRAKEN_WEIGHT="2000000",
        FEEDER_KRAKEN_LINK_STALE_MS="7000",
        FEEDER_BINANCE_SYMBOL="BTCFDUSD",
    )
    venues = {item.venue.name: item for item in config.venues}
    kraken = venues["kraken"]
    assert (kraken.venue.address, kraken.venue.symbols) == ("ws://127.0.0.1:7000/v2", ("XBT/USD", "USDT/EUR"))
    assert (kraken.weight, kraken.link_stale_ms, kraken.quote_stale_ms) == (2_000_000, 7_000, 5_000)
    assert venues["binance"].venue.address.endswith("/stream?streams=btcfdusd@bookTicker")


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(
        monkeypatch, FEEDER_VENUES="kraken,mtgox", FEEDER_KRAKEN_URL="ws://example.com", FEEDER_HALT_MS="soon"
    ) == [
        "FEEDER_HALT_MS: expected a whole number of at least 0, found 'soon'",
        f"FEEDER_VENUES: expected names of {', '.join(sorted(VENUES))}, found 'mtgox'",
        "FEEDER_KRAKEN_URL: expected wss://, or ws:// on a loopback address, found 'ws://example.com'",
    ]


def test_an_unsafe_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, FEEDER_VENUES="kraken,okx") == [
        "at least n_healthy = 4 sources are needed, found 2",
        "at least usd_healthy = 2 USD sources are needed, found 1",
        "okx quotes USDT: conv_min = 2 rates needed, found 1",
    ]


def test_the_same_venue_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "kraken,coinbase,bitstamp,gemini,kraken"
    assert faults(monkeypatch, FEEDER_VENUES=names) == ["source names must differ, kraken stands 2 times"]


def test_without_conversion_products_no_tether_venue_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = {f"FEEDER_{name}_CONVERSION_SYMBOL": "" for name in ("KRAKEN", "COINBASE", "BITSTAMP")}
    assert len(faults(monkeypatch, **empty)) == 3


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("wss://ws.kraken.com/v2", True),
        ("ws://127.0.0.1:9/x", True),
        ("ws://127.8.8.8:9", True),
        ("ws://[::1]:9", True),
        ("ws://localhost:9", True),
        ("ws://ws.kraken.com/v2", False),
        ("ws://127.0.0.1.example.com", False),
        ("ws://10.0.0.1:9", False),
        ("http://127.0.0.1", False),
        ("wss://", False),
        ("", False),
    ],
)
def test_plain_text_is_allowed_on_loopback_addresses_only(address: str, is_good: bool) -> None:  # noqa: FBT001
    assert (address_fault(address) is None) == is_good
