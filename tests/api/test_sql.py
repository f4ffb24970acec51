import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from books import NOW, Books

from twilight.api.sql import QUERIES

PARAMETERS: dict[str, Any] = {
    "stream": "core",
    "since": NOW - timedelta(days=1),
    "until": NOW,
    "limit": 10,
    "offset": 0,
    "start": NOW - timedelta(days=1),
    "origin": NOW - timedelta(days=2),
    "length": timedelta(minutes=5),
    "base_rows": 50,
    "base_s": 60,
    "now": NOW,
    "then": NOW - timedelta(days=1),
    "exponent": 365,
    "step": timedelta(hours=1),
    "lookback": timedelta(days=1),
    "uuid": "3374714d-8a95-4096-855f-7e2675fe0dc8",
    "account_id": "account",
    "key": "key",
    "status": None,
    "wallets": ["twilight1"],
}


# What is added up as a whole: the resting book of now, and the list of wallets.
WHOLE = {"book_levels": {"order_book_entry"}, "count_of_wallets": {"twilight_qq_account_link"}}


@pytest.mark.servers
def test_no_query_reads_all_of_an_index(books: Books) -> None:
    with psycopg.connect(books.url, autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        for name, statement in QUERIES.items():
            plan = connection.execute("explain (format json) " + statement, PARAMETERS).fetchone()
            assert plan is not None
            assert (name, unbounded(plan[0][0]["Plan"])) == (name, WHOLE.get(name, set()))


def unbounded(node: dict[str, Any], *, is_limited: bool = False) -> set[str]:
    """Return the tables of which a plan reads a whole index: without a condition, and not up to a limit."""
    kind = node["Node Type"]
    is_limited = kind == "Limit" or (is_limited and kind not in ("Sort", "Aggregate", "Hash"))
    found = {table for part in node.get("Plans", []) for table in unbounded(part, is_limited=is_limited)}
    if kind in ("Index Scan", "Index Only Scan") and not (node.get("Index Cond") or is_limited):
        found.add(node["Relation Name"])
    return found


@pytest.mark.servers
def test_no_query_reads_a_table_without_an_index(books: Books) -> None:
    with psycopg.connect(books.url, autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        for name, statement in QUERIES.items():
            plan = connection.execute("explain (format json) " + statement, PARAMETERS).fetchone()
            assert plan is not None
            scanned = [node["Relation Name"] for node in nodes(plan[0]) if node["Node Type"] == "Seq Scan"]
            assert (name, scanned) == (name, [])


def nodes(plan: Any) -> list[dict[str, Any]]:
    if isinstance(plan, str):
        plan = json.loads(plan)
    if isinstance(plan, list):
        return [node for part in plan for node in nodes(part)]
    inner = [plan["Plan"]] if "Plan" in plan else plan.get("Plans", [])
    return ([plan] if "Node Type" in plan else []) + nodes(inner)
