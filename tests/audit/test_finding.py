from twilight.audit.finding import Faults, finding


def test_a_finding_shows_its_first_ten_faults_and_counts_the_rest() -> None:
    found = finding("x", {}, [f"fault {n}" for n in range(13)])

    assert not found.holds
    assert found.line().splitlines()[1:] == [*(f"      fault {n}" for n in range(10)), "      and 3 more"]


def test_faults_that_were_counted_without_words_are_told_as_a_number() -> None:
    faults = Faults()
    faults.extend(["a", "b"], 1_000)

    assert finding("x", {}, faults).faults == ["a", "b", "and 998 more"]


def test_a_finding_without_faults_holds_and_shows_its_figures() -> None:
    assert finding("x", {"rows": 3}, []).line() == f"ok    {'x':<22} rows=3"
