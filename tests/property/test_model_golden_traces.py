"""The golden traces, sections 15 and 15b, by the model's own arithmetic; the engine walks along."""

import pytest
from tests.property.story import Story, told

FUNDING_RATE = 0.04426681470887124
LONG_AFTER_FUNDING = (99164.038946049, 4926.934961797583, 59356.76995007857)


def to_step_5(profile: str) -> Story:
    story = Story(profile)
    story.tick(65_000)
    opened = told(story.open("A", "LONG", 100_000, 10), "FILLED")
    assert (opened["positionsize"], opened["fee_filled"], opened["available_margin"]) == (65e9, 400, 99_600)
    assert (opened["maintenance_margin"], opened["liquidation_price"]) == (4440, 59330.388112015775)
    resting = told(story.open("B", "SHORT", 50_000, 5, limit=66_000), "PENDING")
    assert (resting["positionsize"], resting["fee_filled"], resting["available_margin"]) == (165e8, 0, 50_000)
    assert (resting["maintenance_margin"], resting["liquidation_price"]) == (1040, 82073.21925984879)
    story.lend("C", 1_000_000)
    filled = told(story.tick(66_000), "FILLED")
    assert (filled["entryprice"], filled["fee_filled"], filled["available_margin"]) == (66_000, 50, 49_950)
    return story


def figures(story: Story, account: str) -> tuple[float, float, float]:
    order = story.order(account)
    return order.available_margin, order.maintenance_margin, order.liquidation_price


def test_the_trace_of_profile_reference() -> None:
    story = to_step_5("reference")
    assert story.pool == (201_000_000, 201_000, 2)
    assert story.deposit("C").npoolshare == 10_000_000
    funding = story.fund()
    assert funding[-1].value[0] == FUNDING_RATE
    assert figures(story, "A") == LONG_AFTER_FUNDING
    assert figures(story, "B") == (50060.66703677218, 1128.5336294177425, 82037.09191457384)
    closed = told(story.close("A"), "SETTLED")
    assert (closed["available_margin"], closed["unrealized_pnl"]) == (113_922, 15_152)
    assert closed["fee_settled"] == 393.93939393939394
    assert story.pool == (200_986_078, 201_000, 3)
    assert told(story.tick(82_038), "LIQUIDATE")["liquidation_price"] == 82_038
    assert story.pool == (201_036_078, 201_000, 4)
    story.withdraw("C")
    assert story.pool == (200_035_899, 200_000, 5)


def test_the_trace_of_profile_default() -> None:
    story = to_step_5("default")
    assert story.pool == (201_000_000, 200_999, 2)
    assert story.deposit("C").npoolshare == 9_990_000
    assert story.fund()[-1].value[0] == FUNDING_RATE
    assert figures(story, "A") == LONG_AFTER_FUNDING
    assert figures(story, "B") == (49_950, 1128.5336294177425, 82037.09191457384)
    assert told(story.close("A"), "SETTLED")["available_margin"] == 113_922
    assert story.pool == (200_986_078, 200_999, 3)
    story.tick(82_038)
    assert story.pool == (201_036_078, 200_999, 4)
    story.wait(3_600_000)
    (withdrawn,) = [event.value[0] for event in story.withdraw("C") if event.kind == "LendOrder"]
    assert (withdrawn["nwithdraw"], withdrawn["payment"]) == (9_991_840_000, -816)
    assert story.pool == (200_036_894, 200_000, 5)


@pytest.mark.parametrize(
    ("side", "margin", "leverage", "entry", "maintenance", "liquidation"),
    [
        ("LONG", 100_000, 50, 65_000, 22_040, 64002.079575),
        ("SHORT", 100_000, 50, 65_000, 21_960, 66030.605694),
        ("LONG", 100_000, 1, 65_000, 480, 32578.187650),
        ("SHORT", 100_000, 1, 65_000, 400, 16_250_000),
        ("SHORT", 250_000, 3, 71_234, 3_200, 106171.502385),
    ],
)
def test_positions_have_the_figures_of_section_2(
    side: str, margin: int, leverage: int, entry: int, maintenance: float, liquidation: float
) -> None:
    story = Story("reference", tlv=2_000_000_000)
    story.tick(entry)
    story.open("A", side, margin, leverage)
    order = story.order("A")
    assert order.maintenance_margin == maintenance
    assert order.liquidation_price == pytest.approx(liquidation, abs=1e-6)
