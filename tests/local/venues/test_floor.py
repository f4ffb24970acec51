import random
from itertools import islice

import pytest

from twilight.local.venues.errors import RefusedFaultError
from twilight.local.venues.faults import (
    SHAPES,
    AnyFault,
    Clock,
    Cross,
    Delay,
    Drip,
    Drop,
    Flood,
    Freeze,
    Garble,
    Offset,
    Silence,
)
from twilight.local.venues.floor import FAULTS_MAX, Emission, Floor
from twilight.local.venues.market import Still
from twilight.local.venues.model import E8, decimal_text, rfc3339
from twilight.local.venues.replay import Raw

KRAKEN = ("kraken",)


def floor(*faults: AnyFault) -> Floor:
    quotes = {(name, "BTC"): (100 * E8, 101 * E8) for name in ("kraken", "okx")}
    return Floor(Still(quotes, every_us=500_000), faults=faults)


def of(name: str, frames: list[Emission]) -> list[str]:
    return [frame.text for frame in frames if frame.venue == name]


def test_frames_leave_in_the_order_of_their_times() -> None:
    frames = floor(Delay(venues=KRAKEN, delay_ms=700)).advance(3_000_000)
    assert [frame.due_us for frame in frames] == sorted(frame.due_us for frame in frames)
    assert frames


def test_the_same_floor_played_in_small_or_large_steps_is_the_same() -> None:
    faults = (Flood(venues=KRAKEN, per_s=7), Garble(venues=("okx",), share=0.5))
    whole = floor(*faults).advance(5_000_000)
    stepped = floor(*faults)
    assert [frame for t in range(0, 5_000_001, 10_000) for frame in stepped.advance(t)] == whole


def test_a_fault_ends_and_spares_the_other_venues() -> None:
    dropped = floor(Silence(venues=KRAKEN, at_s=1, for_s=2)).advance(4_000_000)
    times = [frame.due_us for frame in dropped if frame.venue == "kraken" and "ticker" in frame.text]
    assert times == [0, 500_000, 3_000_000, 3_500_000, 4_000_000]
    assert len(of("okx", dropped)) == 9


def test_a_frozen_venue_still_sends_heartbeats() -> None:
    texts = of("kraken", floor(Freeze(venues=KRAKEN)).advance(3_000_000))
    assert texts == ['{"channel":"heartbeat"}'] * 3


def test_a_late_frame_carries_the_time_it_was_made() -> None:
    frames = floor(Delay(venues=("okx",), delay_ms=20_000)).advance(20_000_000)
    okx = [frame for frame in frames if frame.venue == "okx"]
    assert (okx[0].due_us, '"ts":"0"' in okx[0].text) == (20_000_000, True)


def test_an_offset_is_reached_evenly() -> None:
    ramp = Offset(venues=KRAKEN, bps=100, over_s=2)
    texts = of("kraken", floor(ramp).advance(2_500_000))
    bids = [text.split('"bid":')[1].split(",")[0] for text in texts if "bid" in text]
    assert bids == ["100.00", "100.25", "100.50", "100.75", "101.00", "101.00"]


def test_a_wrong_clock_shifts_the_exchange_time() -> None:
    texts = of("okx", floor(Clock(venues=("okx",), step_s=90)).advance(0))
    assert '"ts":"90000"' in texts[0]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape])
def test_no_shape_of_a_broken_book_leaves_it_whole(shape: str) -> None:
    bid, ask = SHAPES[shape]("100.5", "101")
    assert bid is None or ask is None or "NaN" in (bid, ask) or not 0 < float(bid) < float(ask)


def test_a_shape_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="shape must be one of crossed, locked"):
        Cross(shape="bent")


def test_a_flood_sends_as_many_frames_as_it_says_and_stops() -> None:
    frames = floor(Flood(venues=KRAKEN, per_s=100, at_s=1, for_s=1)).advance(5_000_000)
    quiet = floor().advance(5_000_000)
    assert len(of("kraken", frames)) - len(of("kraken", quiet)) == 100


def test_clearing_ends_a_flood_and_all_other_faults() -> None:
    played = floor(Flood(venues=("all",), per_s=100), Drop())
    played.advance(1_000_000)
    played.clear(("usd", "okx"))
    assert not played.refuses("okx", 1_000_000)
    assert played.refuses("bybit", 1_000_000)
    assert of("okx", played.advance(1_400_000)) == []


def test_a_drop_refuses_connections_and_a_drip_slows_frames() -> None:
    played = floor(Drop(venues=KRAKEN, at_s=1), Drip(venues=("okx",), bytes_per_s=30), Drip(bytes_per_s=40))
    assert [played.refuses("kraken", t) for t in (0, 1_000_000)] == [False, True]
    assert [played.drip_bytes_per_s(name, 0) for name in ("okx", "kraken")] == [30, 40]


def test_a_new_subscriber_gets_the_last_quote_unless_a_fault_holds_frames_back() -> None:
    played = floor(Freeze(venues=KRAKEN, at_s=1))
    assert played.snapshot("kraken", "BTC", 0) is None
    played.advance(0)
    assert '"type":"snapshot"' in (played.snapshot("kraken", "BTC", 0) or "")
    assert played.snapshot("kraken", "BTC", 1_000_000) is None


def test_garbled_frames_differ_from_the_true_ones() -> None:
    true, garbled = floor().advance(0), floor(Garble()).advance(0)
    assert all(a.text != b.text for a, b in zip(true, garbled, strict=True))


def test_a_recording_is_sent_as_it_is_with_its_own_heartbeats() -> None:
    frames = [Raw(t, "kraken", f'{{"n":{t}}}') for t in (5, 5, 900_000)]
    played = Floor(frames, recorded=True)
    assert [frame.text for frame in played.advance(5_000_000)] == [frame.text for frame in frames]
    assert played.next_due_us() is None


def test_a_frozen_recording_keeps_its_heartbeats() -> None:
    frames = [Raw(1, "bitfinex", "[147794,[1,2,3,4]]"), Raw(2, "bitfinex", '[147794,"hb"]')]
    played = Floor(frames, recorded=True, faults=[Freeze()])
    assert of("bitfinex", played.advance(10)) == ['[147794,"hb"]']


@pytest.mark.parametrize("fault", [Offset(bps=1), Cross(), Clock(step_s=1)])
def test_a_recording_refuses_faults_that_change_quotes(fault: AnyFault) -> None:
    with pytest.raises(RefusedFaultError, match="a recording is played as it is"):
        Floor([], recorded=True, faults=[fault])


def test_an_unknown_venue_and_one_fault_too_many_are_refused() -> None:
    with pytest.raises(RefusedFaultError, match="was 'mtgox'"):
        floor(Drop(venues=("mtgox",)))
    with pytest.raises(RefusedFaultError, match=f"at most {FAULTS_MAX}"):
        floor(*islice(iter(lambda: Drop(venues=KRAKEN), None), FAULTS_MAX + 1))


def test_amounts_and_times_are_written_exactly() -> None:
    amounts = {rng: decimal_text(rng, 2) for rng in (0, 1, -150_000_000, 6_182_190_000_000)}
    assert list(amounts.values()) == ["0.00", "0.00000001", "-1.50", "61821.90"]
    value = random.Random(1).randrange(10**15)
    assert round(float(decimal_text(value)) * E8) == value
    assert rfc3339(1_723_161_256_000_012) == "2024-08-08T23:54:16.000012Z"
