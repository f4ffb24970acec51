"""Every query of the page for analysts gives the answer that stands below it."""

import re
from pathlib import Path

import pytest
from archiving import ZONES, Archive
from two_days import two_days

from twilight.archiver.postgres.connection import Connection

pytestmark = pytest.mark.servers

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "query-the-history.md"
QUESTION = re.compile(
    r"^## (?P<title>.+?)$.*?```sql\n(?P<query>.*?)```\n+```text\n(?P<answer>.*?)```", re.DOTALL | re.MULTILINE
)


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    """Return the time zone of the server: everything here is run in both."""
    return str(request.param)


def shown(connection: Connection, query: str) -> str:
    """Return the answer as psql shows it: right-aligned numbers apart, columns between bars."""
    cursor = connection.execute(query.encode())
    heads = [column.name for column in cursor.description or ()]
    rows = [["" if value is None else str(value) for value in row] for row in cursor.fetchall()]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "".join(f"{line.rstrip()}\n" for line in (lines[0], "-+-".join("-" * width for width in widths), *lines[1:]))


def test_every_question_of_the_page_has_the_answer_below_it(archive: Archive) -> None:
    page = PAGE.read_text()
    archive.feed(two_days())
    assert archive.dead() == []
    questions = list(QUESTION.finditer(page))
    assert len(questions) == page.count("\n## ") >= 10

    for question in questions:
        assert (question["title"], shown(archive.connection, question["query"])) == (
            question["title"],
            question["answer"],
        )
