import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from twilight.domain.index import vectors


@pytest.fixture
def specified(shared_dir: Path) -> Mapping[str, object]:
    decoded: Mapping[str, object] = json.loads((shared_dir / "spec" / "price-feed-vectors.json").read_text())
    return decoded


def test_all_vectors_of_the_specification_are_exact(
    specified: Mapping[str, object], tell: Callable[[str], None]
) -> None:
    results = list(vectors.run(specified))
    assert [result for result in results if result.differences] == []
    assert len(results) == 120
    tell(f"index vectors: {len(results)} of {len(results)}")


def test_a_wrong_expectation_is_named_with_both_values() -> None:
    tick = {"t": 0, "quotes": {"a": None}, "conv": {}, "expect": {"status": "HEALTHY", "n": 0, "mood": 1}}
    (result,) = vectors.run({"scenarios": [{"name": "empty", "ticks": [tick]}]})
    assert result.differences == (
        "status: expected 'HEALTHY', found 'STARTING'",
        "mood: expected 1, which the index does not report",
    )
