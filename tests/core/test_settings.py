"""What a core is told by its environment, and how it says what is wrong with that."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from twilight.core.inputs.queues import QueueSpec
from twilight.core.settings import CoreSettings
from twilight.domain.model.profile import DEFAULT, REFERENCE
from twilight.ops.errors import SettingsError
from twilight.ops.settings import load

KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"


@pytest.fixture(autouse=True)
def feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICE_FEEDS", "ws://127.0.0.1:9301/v1/ws")
    monkeypatch.setenv("PRICE_FEED_KEYS", KEY)


def test_without_order_queues_there_is_the_one_of_the_specification() -> None:
    assert load(CoreSettings).queues == (QueueSpec("CLIENT-REQUEST", "localhost:9092", "CLIENT-REQUEST"),)


def test_each_feeder_may_have_two_keys_while_they_are_being_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICE_FEED_KEYS", f"{KEY}+{KEY[::-1]}")
    assert load(CoreSettings).feed_keys == ((bytes.fromhex(KEY), bytes.fromhex(KEY[::-1])),)


@pytest.mark.parametrize("keys", [f"{KEY},{KEY}", f"{KEY}+{KEY[::-1]},{KEY[::-1]}"])
def test_two_feeders_cannot_share_a_key(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("PRICE_FEEDS", "ws://127.0.0.1:9301/v1/ws,ws://127.0.0.1:9302/v1/ws")
    monkeypatch.setenv("PRICE_FEED_KEYS", keys)
    with pytest.raises(SettingsError, match="found one twice"):
        load(CoreSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRICE_FEED_KEYS", "abc"),
        ("PRICE_FEED_KEYS", f"{KEY},{KEY}"),
        ("PRICE_FEEDS", "ws://localhost:99999/x"),
        ("PRICE_FEEDS", "http://localhost:1/"),
        ("PRICE_FEEDS", "ws://a..b/"),
        ("PRICE_FEEDS", f"ws://{'a' * 70}.example/"),
        ("PRICE_FEEDS", "nonsense"),
        ("ORDER_QUEUES", "nonsense"),
        ("ORDER_QUEUE_START", "main"),
        ("FILLED_ON_MARKET", "11"),
        ("RISK_MM_RATIO", "0.1"),
        ("INTAKE", "never"),
        ("ENABLE_ZKOS_CHAIN_TRANSACTION", "true"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(CoreSettings)


def test_the_profile_takes_the_options_that_are_named_and_keeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(CoreSettings).rules == DEFAULT
    monkeypatch.setenv("PROFILE", "reference")
    assert load(CoreSettings).rules == REFERENCE
    monkeypatch.setenv("LEND_PRICE_BAND", "0.02")
    rules = load(CoreSettings).rules
    assert rules.lend_price_band == Fraction(Decimal("0.02"))
    assert rules.lend_min_hold_s == REFERENCE.lend_min_hold_s


def test_the_snapshot_stands_in_the_data_folder_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/somewhere")
    assert load(CoreSettings).snapshot_path == Path("/somewhere/core/snapshot-v0.1.0")
    monkeypatch.setenv("RELAYER_SNAPSHOT_FILE_LOCATION", "/else/where")
    assert load(CoreSettings).snapshot_path == Path("/else/where-v0.1.0")
