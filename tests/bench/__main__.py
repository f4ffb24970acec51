"""`python -m tests.bench [--id P4,P5] [--runs 5] [--json]`: the table of measured ratios.

A bench is a module of this folder that names its measurements: `BENCHES`, from id to a function of the folder of
specifications and the number of runs, or `ID` and `measure` when it has one. Each returns the row
`{"id", "metric", "ours", "peer", "ratio", "goal", "met"}`, the median of runs in which ours and the peer take turns.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]
Measure = Callable[[Path, int], Row]

FOLDER = Path(__file__).parent
COLUMNS = ("id", "metric", "ours", "peer", "ratio", "goal", "met")


def benches() -> dict[str, Measure]:
    """Return every measurement of this folder by its id."""
    found: dict[str, Measure] = {}
    for name in sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")):
        module = importlib.import_module(f"tests.bench.{name}")
        found |= getattr(module, "BENCHES", None) or {module.ID: module.measure}
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def shared_folder() -> Path:
    """Return the folder of specifications and recorded data."""
    return Path(os.environ.get("TWILIGHT_SHARED", FOLDER.parents[2] / "shared"))


def chosen(names: str | None) -> dict[str, Measure]:
    """Return the measurements that are asked for, all by default."""
    all_of_them = benches()
    if names is None:
        return all_of_them
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in all_of_them]
    if unknown:
        sys.exit(f"no bench {', '.join(unknown)}; there are {', '.join(all_of_them)}")
    return {name: all_of_them[name] for name in wanted}


def measured(measures: dict[str, Measure], runs: int) -> Iterator[Row]:
    """Yield one row after the other."""
    for name, measure in measures.items():
        sys.stderr.write(f"measuring {name}\n")
        yield measure(shared_folder(), runs)


def shown(rows: list[Row]) -> Table:
    """Return the rows as a table for people."""
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(f"{row[name]:,}" if isinstance(row[name], int | float) else str(row[name]) for name in COLUMNS))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--id", help="ids, separated by commas; all by default")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    rows = list(measured(chosen(arguments.id), arguments.runs))
    if arguments.json:
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        Console().print(shown(rows))


main()
