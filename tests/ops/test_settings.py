"""Settings: environment variables, all faults told at once."""

from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr

from twilight.ops.errors import SettingsError
from twilight.ops.settings import Address, AddressOrNone, DatabaseUrl, Settings, host_port, load


class Example(Settings):
    database_url: DatabaseUrl
    workers: Annotated[int, Field(ge=1)] = 4
    ratio: float = 0.5
    mode: Literal["fast", "safe"] = "fast"


class Refusing(Settings):
    database_url: Annotated[str, Field(max_length=3)]
    token: Annotated[SecretStr, Field(max_length=3)]


def test_a_setting_is_the_environment_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://there")
    monkeypatch.setenv("WORKERS", "7")
    settings = load(Example)
    assert (settings.database_url, settings.workers, settings.ratio) == ("postgresql://there", 7, 0.5)


def test_every_fault_of_a_configuration_is_told_at_once_in_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("WORKERS", "0")
    monkeypatch.setenv("RATIO", "much")
    with pytest.raises(SettingsError) as caught:
        load(Example)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["DATABASE_URL", "WORKERS", "RATIO"]


class Addressed(Example):
    listens_on: Address = "127.0.0.1:1"
    also_on: AddressOrNone = ""


def test_addresses_and_the_log_level_are_told_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"OPS_ADDR": "9301", "LOG_LEVEL": "LOUD", "DATABASE_URL": "nonsense", "WORKERS": "0"}
    for name, value in (wrong | {"LISTENS_ON": "here:99999", "ALSO_ON": "there"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load(Addressed)
    told = dict(line.split(": ", 1) for line in str(caught.value).splitlines())
    assert told.keys() == {*wrong, "LISTENS_ON", "ALSO_ON"}
    assert told["LOG_LEVEL"] == "expected one of CRITICAL, ERROR, WARNING, INFO, DEBUG, found 'LOUD'"
    assert told["OPS_ADDR"] == "address must be host:port with a port from 0 to 65535, was '9301'"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "postgresql://u:hunter2@h:port/d", "mysql://h/d", "postgresql://u:hunter2@h:99999/d"]
)
def test_what_is_no_address_of_postgresql_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(
        SettingsError, match="DATABASE_URL: expected an address of PostgreSQL, as postgresql:"
    ) as caught:
        load(Example)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u:p@h:5432/d", "postgres:///d?host=/run/pg", "host=h dbname=d", "debug"])
def test_an_address_in_either_form_of_postgresql_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    if url == "debug":
        monkeypatch.setenv("LOG_LEVEL", url)
        url = "postgresql://h1:1,h2:2/d"
    monkeypatch.setenv("DATABASE_URL", url)
    assert load(Example).database_url == url


def test_a_fault_says_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://there")
    monkeypatch.setenv("WORKERS", "many")
    monkeypatch.setenv("MODE", "slow")
    with pytest.raises(SettingsError) as caught:
        load(Example)
    workers, mode = str(caught.value).splitlines()
    assert workers.endswith("found 'many'")
    assert mode == "MODE: Input should be 'fast' or 'safe', found 'slow'"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_must_be_finite(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://there")
    monkeypatch.setenv("RATIO", value)
    with pytest.raises(SettingsError, match=r"RATIO: Input should be a finite number, found"):
        load(Example)


def test_a_fault_does_not_repeat_a_value_that_may_be_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@there")
    monkeypatch.setenv("TOKEN", "hunter2" * 3)
    with pytest.raises(SettingsError) as caught:
        load(Refusing)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["DATABASE_URL", "TOKEN"]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65535))],
)
def test_an_address_is_host_and_port(address: str, expected: tuple[str, int]) -> None:
    assert host_port(address) == expected


@pytest.mark.parametrize("address", ["", "localhost", ":80", "localhost:", "localhost:x", "localhost:65536"])
def test_what_is_no_address_is_refused_with_what_was_found(address: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        host_port(address)
