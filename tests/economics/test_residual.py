"""The table of what still pays is what is measured, to the sat."""

import re
from pathlib import Path

import pytest
from tests.economics.residual import RESIDUAL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "economics.md"
ROW = re.compile(r"^\| `(\w+)` \| ([\d,]+) \|", re.MULTILINE)


def listed() -> dict[str, int]:
    return {name: int(figure.replace(",", "")) for name, figure in ROW.findall(PAGE.read_text())}


def test_every_strategy_that_is_known_is_listed() -> None:
    assert listed().keys() == RESIDUAL.keys()


@pytest.mark.parametrize("name", RESIDUAL)
def test_the_figure_on_the_page_is_the_figure_measured(name: str) -> None:
    assert listed()[name] == RESIDUAL[name]()
