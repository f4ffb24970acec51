"""Settings of the seed are never silently ignored (storage specification 7.1)."""

import pytest

from twilight.archiver.settings import ArchiverSettings
from twilight.ops.errors import SettingsError
from twilight.ops.settings import load


@pytest.mark.parametrize("name", ["QUESTDB_URL", "QUESTDB_INFLUX_URL"])
def test_an_address_of_questdb_that_nothing_could_be_written_to_is_refused_with_what_to_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/archive")
    monkeypatch.setenv(name, "127.0.0.1:9009")

    with pytest.raises(SettingsError, match=f"{name} is set and QUESTDB_HTTP_URL is not.*set QUESTDB_HTTP_URL to"):
        load(ArchiverSettings)


def test_with_its_http_port_every_address_of_questdb_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/archive")
    monkeypatch.setenv("QUESTDB_HTTP_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("QUESTDB_INFLUX_URL", "127.0.0.1:9009")

    assert load(ArchiverSettings).questdb_influx_url == "127.0.0.1:9009"
