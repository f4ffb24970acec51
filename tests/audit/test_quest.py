"""QuestDB against the log: every row that was changed, invented or taken away behind everybody's back is named."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.archiver.questing import Quest
from tests.audit.day import Day, archived_day
from tests.conftest import QuestDBAddresses

from twilight.archiver.questdb.schema import is_applied
from twilight.audit.run import Parts

pytestmark = pytest.mark.servers
ROWS, CANDLES = "QuestDB rows", "QuestDB candles"


class Stored(NamedTuple):
    """The story's day in both databases."""

    day: Day
    quest: Quest

    def tamper(self, statement: str) -> None:
        """Change QuestDB's tables, and wait until that can be read."""
        self.quest.rows(statement)
        deadline = time.monotonic() + 30
        while not all(
            is_applied(self.quest.client, name) for name in (self.quest.tables.prices, self.quest.tables.trades)
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def stored(
    kafka: str, topic: Callable[[str], str], postgres: Callable[[], str], questdb: QuestDBAddresses
) -> Iterator[Stored]:
    day = archived_day(kafka, topic, postgres())
    quest = Quest(kafka, day.settings.core_event_log, questdb.http_url)
    quest.run_until(lambda: quest.holds(5, 3))
    there = {"questdb_url": questdb.pg_url, "questdb_table_prefix": quest.settings.questdb_table_prefix}
    yield Stored(replace(day, settings=day.settings.model_copy(update=there), parts=Parts(core=False)), quest)
    quest.close()


def test_every_change_of_a_row_is_named(stored: Stored) -> None:
    """One after the other on the same tables: each adds what it must to what was found before."""
    assert stored.day.faults() == {}

    stored.tamper("UPDATE '{trades}' SET price = price + 5000 WHERE kind = 'CLOSE'")
    (priced,) = stored.day.faults()[ROWS]
    assert priced.startswith("trades ")

    stored.tamper("UPDATE '{trades}' SET order_id = '00000000-0000-4000-8000-000000000000' WHERE kind = 'OPEN'")
    assert len(stored.day.faults()[ROWS]) == 3

    stored.tamper("UPDATE '{prices}' SET price = 66200 WHERE price = 66000")
    found = stored.day.faults()
    assert list(found) == [ROWS]  # a tick in the middle of its minute: the candle is as before
    assert len(found[ROWS]) == 4

    stored.tamper("INSERT INTO '{prices}' VALUES (dateadd('d', 0, now()), 1.0, 99999)")
    assert any("prices 99999: beyond the end of the log" in fault for fault in stored.day.faults()[ROWS])

    stored.tamper("INSERT INTO '{prices}' VALUES ('2020-01-01T00:00:00.000000Z', 1.0, 3)")
    assert any("rows below sequence" in fault for fault in stored.day.faults()[ROWS])
