import base64
import json

import pytest
from tests.core.feeders import SignedFeeder

from twilight.core.inputs.feed import AcceptedTick, Feed, FeedWatch, Refusal
from twilight.domain.index.tick import price_text

NOW = 1_723_161_264_300


def accepted(outcome: AcceptedTick | Refusal) -> AcceptedTick:
    assert isinstance(outcome, AcceptedTick)
    return outcome


@pytest.fixture
def feeder() -> SignedFeeder:
    return SignedFeeder()


@pytest.fixture
def feed(feeder: SignedFeeder) -> Feed:
    return Feed([[feeder.public_key]])


def test_the_specifications_example_is_accepted_with_its_canonical_text(feeder: SignedFeeder, feed: Feed) -> None:
    example = (
        '{"type":"price","v":1,"pair":"BTC-USD","epoch":1723161254000,"seq":42,"ts":1723161264250,'
        '"price":"61822.57","price_e8":6182257000000,"status":"HEALTHY","flags":[],'
        '"n":8,"n_usd":5,"dispersion_cbps":27,"raw_e8":6182256956850,"kid":"56475aa75463474c",'
        '"sig":"rJLVG2OnRbrSUR1faphd7jNyB0g6cvsO3FZ+SouP4j+sNHV8xZF6ueFtDmEsAxJDnE+EYpFaZ+3JoSka2dD8Bw=="}'
    )
    tick = accepted(feed.offer(0, example, NOW, 0))
    assert tick.text == "PF1|BTC-USD|1723161254000|42|1723161264250|6182257000000|HEALTHY|8|5|27|"
    assert tick.tick.price_e8 == 6_182_257_000_000
    assert feeder.public_key.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"type": "detail"}, Refusal.MALFORMED),
        ({"status": "FINE"}, Refusal.MALFORMED),
        ({"price_e8": "65000"}, Refusal.MALFORMED),
        ({"v": 2}, Refusal.MALFORMED),
        ({"pair": "ETH-USD"}, Refusal.WRONG_PAIR),
        ({"kid": "0000000000000000"}, Refusal.UNKNOWN_KEY),
        ({"sig": base64.b64encode(bytes(64)).decode()}, Refusal.BAD_SIGNATURE),
        ({"sig": "not base64"}, Refusal.BAD_SIGNATURE),
        ({"price_e8": 49_999_999}, Refusal.NO_PRICE),
    ],
)
def test_a_tick_that_is_not_what_it_must_be_is_counted_and_ignored(
    feeder: SignedFeeder, feed: Feed, changes: dict[str, object], refusal: Refusal
) -> None:  # W-10
    assert feed.offer(0, feeder.frame(NOW, **changes), NOW, 0) is refusal
    assert feed.refused == {refusal: 1}
    assert feed.accepted == 0


@pytest.mark.parametrize("frame", ["", "null", "{}", "[1]", "\x00", "x" * 70_000, b"\xff\xfe"])
def test_bytes_that_are_no_tick_are_refused(feed: Feed, frame: str | bytes) -> None:
    assert feed.offer(0, frame, NOW, 0) is Refusal.MALFORMED


@pytest.mark.parametrize("name", ["price_e8", "seq", "n", "dispersion_cbps"])
def test_no_signed_number_can_be_changed_on_the_way(feeder: SignedFeeder, feed: Feed, name: str) -> None:
    tick = json.loads(feeder.frame(NOW))
    tick[name] += 1_000_000
    tick["price"] = price_text(tick["price_e8"])
    assert feed.offer(0, json.dumps(tick), NOW, 0) is Refusal.BAD_SIGNATURE


def test_an_old_or_repeated_tick_is_not_accepted_again(feeder: SignedFeeder, feed: Feed) -> None:
    first, second = feeder.frame(NOW), feeder.frame(NOW)
    accepted(feed.offer(0, second, NOW, 0))
    assert feed.offer(0, second, NOW, 1) is Refusal.NOT_NEWER
    assert feed.offer(0, first, NOW, 2) is Refusal.NOT_NEWER


def test_a_restarted_feeder_counts_from_one_in_a_larger_epoch(feeder: SignedFeeder, feed: Feed) -> None:
    for _ in range(3):
        accepted(feed.offer(0, feeder.frame(NOW), NOW, 0))
    feeder.epoch, feeder.seq = feeder.epoch + 1, 0
    assert accepted(feed.offer(0, feeder.frame(NOW), NOW, 1)).tick.order == (feeder.epoch, 1)


def test_what_the_log_says_was_accepted_before_a_restart_is_not_accepted_again(feeder: SignedFeeder) -> None:
    frame = feeder.frame(NOW)
    first = accepted(Feed([[feeder.public_key]]).offer(0, frame, NOW, 0))
    restarted = Feed([[feeder.public_key]], newest={first.tick.kid: first.tick.order})
    assert restarted.offer(0, frame, NOW, 0) is Refusal.NOT_NEWER


@pytest.mark.parametrize(("skew_ms", "taken"), [(-2_000, True), (2_000, True), (-2_001, False), (2_001, False)])
def test_a_tick_is_at_most_two_seconds_from_the_cores_clock(
    feeder: SignedFeeder,
    feed: Feed,
    skew_ms: int,
    taken: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    outcome = feed.offer(0, feeder.frame(NOW + skew_ms), NOW, 0)
    assert (outcome is not Refusal.CLOCK_SKEW) == taken


def test_after_a_key_rotation_both_keys_are_valid() -> None:
    old, new = SignedFeeder(bytes(32)), SignedFeeder(bytes([1] * 32))
    feed = Feed([[old.public_key, new.public_key]])
    accepted(feed.offer(0, old.frame(NOW), NOW, 0))
    accepted(feed.offer(0, new.frame(NOW), NOW, 1))


class TestTwoFeeders:
    @pytest.fixture
    def primary(self) -> SignedFeeder:
        return SignedFeeder(bytes(32))

    @pytest.fixture
    def fallback(self) -> SignedFeeder:
        return SignedFeeder(bytes([1] * 32))

    @pytest.fixture
    def feed(self, primary: SignedFeeder, fallback: SignedFeeder) -> Feed:
        return Feed([[primary.public_key], [fallback.public_key]])

    def test_the_fallback_is_ignored_while_the_primary_speaks(
        self, feed: Feed, primary: SignedFeeder, fallback: SignedFeeder
    ) -> None:
        assert feed.offer(1, fallback.frame(NOW), NOW, 0) is Refusal.NOT_FOLLOWED
        accepted(feed.offer(0, primary.frame(NOW), NOW, 500))
        assert feed.offer(1, fallback.frame(NOW), NOW, 1_499) is Refusal.NOT_FOLLOWED

    def test_the_core_falls_over_after_a_second_and_comes_back_at_once(
        self, feed: Feed, primary: SignedFeeder, fallback: SignedFeeder
    ) -> None:
        accepted(feed.offer(0, primary.frame(NOW), NOW, 0))
        accepted(feed.offer(1, fallback.frame(NOW), NOW, 1_000))
        accepted(feed.offer(0, primary.frame(NOW), NOW, 1_100))
        assert feed.offer(1, fallback.frame(NOW), NOW, 1_200) is Refusal.NOT_FOLLOWED

    def test_a_thinly_backed_primary_is_left_only_when_it_falls_silent(
        self, feed: Feed, primary: SignedFeeder, fallback: SignedFeeder
    ) -> None:
        for now_ms in range(0, 5_000, 250):
            assert accepted(feed.offer(0, primary.frame(NOW, status="DEGRADED"), NOW, now_ms)).tick.status == "DEGRADED"
            assert feed.offer(1, fallback.frame(NOW), NOW, now_ms + 100) is Refusal.NOT_FOLLOWED
        assert feed.offer(1, fallback.frame(NOW), NOW, 5_749) is Refusal.NOT_FOLLOWED
        assert accepted(feed.offer(1, fallback.frame(NOW), NOW, 5_750)).tick.status == "HEALTHY"

    def test_a_primary_that_holds_is_believed_at_once_and_left_after_a_second(
        self, feed: Feed, primary: SignedFeeder, fallback: SignedFeeder
    ) -> None:
        accepted(feed.offer(0, primary.frame(NOW), NOW, 0))
        assert accepted(feed.offer(0, primary.frame(NOW, status="HOLD"), NOW, 250)).tick.status == "HOLD"
        assert feed.offer(1, fallback.frame(NOW), NOW, 900) is Refusal.NOT_FOLLOWED
        assert accepted(feed.offer(1, fallback.frame(NOW), NOW, 1_050)).tick.status == "HEALTHY"
        assert feed.offer(0, primary.frame(NOW, status="HOLD"), NOW, 1_100) is Refusal.NOT_FOLLOWED

    def test_a_feeders_key_does_not_sign_for_another(self, feed: Feed, fallback: SignedFeeder) -> None:
        assert feed.offer(0, fallback.frame(NOW), NOW, 0) is Refusal.UNKNOWN_KEY


class TestFeedWatch:
    @pytest.fixture
    def watch(self) -> FeedWatch:
        return FeedWatch()

    def watch_tick(self, watch: FeedWatch, feeder: SignedFeeder, **changes: object) -> None:
        watch.accepted(accepted(Feed([[feeder.public_key]]).offer(0, feeder.frame(NOW, **changes), NOW, 0)))
        # type: ignore[arg-type]

    def test_the_status_is_starting_until_the_first_accepted_tick(self, watch: FeedWatch) -> None:
        assert watch.status(10**9) == "STARTING"
        assert watch.age_ms(10**9) is None

    def test_silence_is_hold_after_a_second_and_halted_after_thirty(
        self, watch: FeedWatch, feeder: SignedFeeder
    ) -> None:  # W-10
        self.watch_tick(watch, feeder)
        assert [watch.status(at) for at in (999, 1_000, 29_999, 30_000)] == [
            "HEALTHY",
            "HOLD",
            "HOLD",
            "HALTED",
        ]

    def test_a_halted_feed_does_not_become_better_by_silence(self, watch: FeedWatch, feeder: SignedFeeder) -> None:
        self.watch_tick(watch, feeder, status="HALTED")
        assert watch.status(1_500) == "HALTED"

    def test_a_step_limited_tick_gates_like_a_degraded_one(self, watch: FeedWatch, feeder: SignedFeeder) -> None:
        self.watch_tick(watch, feeder, flags=["STEP_LIMITED"])
        assert watch.status(0) == "DEGRADED"
