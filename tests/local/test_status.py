"""What a user reads: the line, the table, the JSON document."""

import msgspec

from twilight.local.status import Market, PartStatus, Phase, Status, line, table

HASH = "c92ddc77"


def _status(*parts: PartStatus, **market: object) -> Status:
    figures = msgspec.convert({"source": "local", **market}, Market)
    return Status("ready", 7, "2026-01-01T00:00:00+00:00", "/data", figures, {"api": "http://there/api"}, list(parts))


def test_the_line_says_market_price_interest_sequence_lag_trades_and_every_part() -> None:
    status = _status(
        PartStatus("kafka", Phase.READY),
        PartStatus("archiver", Phase.READY, lag_records=12, lag_s=0.4),
        price=65_012.5,
        feed_status="HEALTHY",
        sequence=12_345,
        open_interest_sats=150_000_000,
        trades=3,
        last_trade="trader-1 LONG 1000 x 5 FILLED",
    )
    assert line(status) == (
        "local market | 65,012.50 USD HEALTHY | OI 1.5000 BTC | seq 12,345 | lag 12 / 0.4 s | "
        "3 trades (trader-1 LONG 1000 x 5 FILLED) | kafka ok archiver ok"
    )


def test_the_line_says_that_a_part_died_how_often_and_why() -> None:
    shown = line(_status(PartStatus("core", Phase.RESTARTING, restarts=3, detail="again in 2 s, ended with signal 9")))
    assert shown.endswith("core RESTARTING x3: again in 2 s, ended with signal 9")


def test_the_line_stays_short_when_a_part_has_much_to_say() -> None:
    shown = line(_status(PartStatus("api", Phase.UNREADY, detail="a very long word " * 50)))
    assert len(shown) < 220


def test_an_alarm_stands_before_everything_else() -> None:
    status = _status(PartStatus("kafka", Phase.READY))
    status.alarm = "DISK FULL: 3 MiB are free for /data: free some"
    assert line(status).startswith("DISK FULL: 3 MiB are free for /data: free some | local market")
    assert table(status).splitlines()[1] == status.alarm


def test_a_part_that_was_restarted_still_shows_it_when_it_is_well_again() -> None:
    assert line(_status(PartStatus("core", Phase.READY, restarts=2))).endswith("core ok x2")


def test_before_anything_is_known_nothing_is_made_up() -> None:
    assert line(_status()).startswith("local market | no price yet | OI - | seq - ")
    assert "state hash not yet known" in table(_status())


def test_the_table_has_a_row_for_each_part_with_state_pid_restarts_and_lag() -> None:
    part = PartStatus("archiver", Phase.READY, pid=42, restarts=1, lag_records=5, lag_s=0.25)
    shown = table(_status(part, state_hash=HASH, state_hash_sequence=9)).splitlines()
    assert f"state hash {HASH} at sequence 9" in shown
    assert shown[-1].split() == ["archiver", "ready", "42", "1", "5", "0.2"]


def test_the_json_document_can_be_read_back() -> None:
    status = _status(PartStatus("kafka", Phase.EXTERNAL), price=1.0)
    assert msgspec.json.decode(msgspec.json.encode(status), type=Status) == status


def test_everything_is_ready_only_when_every_part_is() -> None:
    well, ill = PartStatus("kafka", Phase.EXTERNAL), PartStatus("core", Phase.UNREADY)
    assert _status(well).is_ready
    assert not _status(well, ill).is_ready
