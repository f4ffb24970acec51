"""Trigger sets: who acts when the price reaches a score (engine 1.8).

A set is a sorted list cut into chunks, so that inserting and removing touch one chunk and a tick that fires nothing
compares one number, however many orders rest. Among equal scores the order of insertion holds (R16).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import ClassVar

from twilight.domain.books.ledger import Ledger
from twilight.domain.model.orders import Side

CHUNK_MAX = 1024

Key = tuple[int, int]
"""(score, running number of insertion)."""


class TriggerSet:
    """uuids under scores; a uuid is in it at most once."""

    __slots__ = ("_chunks", "_counter", "_keys", "_lightest", "_maxes", "_uuids")

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._uuids: dict[int, str] = {}
        self._chunks: list[list[Key]] = []
        self._maxes: list[Key] = []
        self._lightest: list[int | None] = []
        """The smallest weight in each chunk, None where it has to be looked for; see `light`."""
        self._counter = 0

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._keys

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield (uuid, score) in ascending score, ties in insertion order."""
        for chunk in self._chunks:
            for score, number in chunk:
                yield self._uuids[number], score

    def score(self, uuid: str) -> int | None:
        """Return the uuid's score, None if it is not in the set."""
        key = self._keys.get(uuid)
        return None if key is None else key[0]

    def put(self, uuid: str, score: int) -> None:
        """Put the uuid under the score, last among equals; a uuid that is in already moves."""
        if uuid in self._keys:
            self.discard(uuid)
        self._counter += 1
        key = (score, self._counter)
        self._keys[uuid] = key
        self._uuids[self._counter] = uuid
        self._insert(key)

    def discard(self, uuid: str) -> bool:
        """Take the uuid out; return whether it was in."""
        key = self._keys.pop(uuid, None)
        if key is None:
            return False
        del self._uuids[key[1]]
        at = bisect_left(self._maxes, key)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, key)]
        self._lightest[at] = None
        if not chunk:
            del self._chunks[at]
            del self._maxes[at]
            del self._lightest[at]
        elif key == self._maxes[at]:
            self._maxes[at] = chunk[-1]
        return True

    def at_or_above(self, score: int) -> list[str]:
        """Return the uuids whose score is at least this one, in ascending score."""
        if not self._maxes or self._maxes[-1][0] < score:
            return []
        bound = (score, 0)
        at = bisect_left(self._maxes, bound)
        first = self._chunks[at]
        keys = first[bisect_left(first, bound) :]
        for chunk in self._chunks[at + 1 :]:
            keys += chunk
        return [self._uuids[number] for _, number in keys]

    def at_or_below(self, score: int) -> list[str]:
        """Return the uuids whose score is at most this one, in ascending score."""
        keys: list[Key] = []
        bound = (score + 1, 0)
        for chunk in self._chunks:
            if chunk[0] >= bound:
                break
            keys += chunk if chunk[-1] < bound else chunk[: bisect_left(chunk, bound)]
        return [self._uuids[number] for _, number in keys]

    def count_at_or_above(self, score: int) -> int:
        """Return how many uuids have at least this score."""
        return len(self._keys) - self.count_at_or_below(score - 1)

    def count_at_or_below(self, score: int) -> int:
        """Return how many uuids have at most this score."""
        bound, count = (score + 1, 0), 0
        for chunk, newest in zip(self._chunks, self._maxes, strict=True):
            if newest >= bound:
                return count + bisect_left(chunk, bound)
            count += len(chunk)
        return count

    def light(
        self, score: int, *, above: bool, weigh: Callable[[str], int], limit: Callable[[], float]
    ) -> Iterator[str]:
        """Yield the uuids that the score has reached and whose weight is within the limit, the best score first.

        The best is the highest `above` the score and the lowest below it; ties keep their insertion order. The limit
        is asked again before each and must never rise, so a chunk in which nothing is light enough is passed over at
        the cost of one comparison. A weight must not change while its uuid is in the set.
        """

        def too_heavy(at: int) -> bool:
            return self._lightest_of(at, weigh) > limit()

        for at, keys in self._from_the_top(score, too_heavy) if above else self._up_to(score):
            if too_heavy(at):
                continue
            for _, number in keys:
                uuid = self._uuids[number]
                if weigh(uuid) <= limit():
                    yield uuid

    def _up_to(self, score: int) -> Iterator[tuple[int, list[Key]]]:
        """Yield each chunk's place and its keys up to the score, ascending."""
        bound = (score + 1, 0)
        for at, chunk in enumerate(self._chunks):
            if chunk[0] >= bound:
                return
            yield at, chunk if chunk[-1] < bound else chunk[: bisect_left(chunk, bound)]

    def _from_the_top(self, score: int, too_heavy: Callable[[int], bool]) -> Iterator[tuple[int, list[Key]]]:
        """Yield keys down to the score with their chunk's place: scores descend, equal ones keep their order."""
        at = len(self._chunks) - 1
        end = len(self._chunks[at]) if at >= 0 else 0
        while at >= 0 and (best := self._chunks[at][end - 1][0]) >= score:
            first, begin = at, 0
            if not too_heavy(at):
                first = bisect_left(self._maxes, (best, 0))
                begin = bisect_left(self._chunks[first], (best, 0))
                for place in range(first, at + 1):
                    yield place, self._chunks[place][begin if place == first else 0 : end if place == at else None]
            at, end = (first, begin) if begin else (first - 1, len(self._chunks[first - 1]))

    def _lightest_of(self, at: int, weigh: Callable[[str], int]) -> int:
        known = self._lightest[at]
        if known is None:
            known = self._lightest[at] = min(weigh(self._uuids[number]) for _, number in self._chunks[at])
        return known

    def rebuild(self, members: Iterator[tuple[str, int]]) -> None:
        """Replace all members; among equal scores the given order holds."""
        self._keys = {uuid: (score, number) for number, (uuid, score) in enumerate(members, 1)}
        self._uuids = {key[1]: uuid for uuid, key in self._keys.items()}
        self._counter = len(self._keys)
        keys = sorted(self._keys.values())
        self._chunks = [keys[at : at + CHUNK_MAX // 2] for at in range(0, len(keys), CHUNK_MAX // 2)]
        self._maxes = [chunk[-1] for chunk in self._chunks]
        self._lightest = [None] * len(self._chunks)

    def copy(self) -> "TriggerSet":
        """Return an independent set with the same members in the same order."""
        other = TriggerSet()
        other._keys = self._keys.copy()  # its own class
        other._uuids = self._uuids.copy()  # its own class
        other._chunks = [chunk.copy() for chunk in self._chunks]  # its own class
        other._maxes = self._maxes.copy()  # its own class
        other._lightest = self._lightest.copy()  # its own class
        other._counter = self._counter  # its own class
        return other

    def _insert(self, key: Key) -> None:
        if not self._chunks:
            self._chunks.append([key])
            self._maxes.append(key)
            self._lightest.append(None)
            return
        at = min(bisect_left(self._maxes, key), len(self._maxes) - 1)
        chunk = self._chunks[at]
        insort(chunk, key)
        self._lightest[at] = None
        self._maxes[at] = chunk[-1]
        if len(chunk) > CHUNK_MAX:
            half = len(chunk) // 2
            self._chunks.insert(at + 1, chunk[half:])
            del chunk[half:]
            self._maxes[at] = chunk[-1]
            self._maxes.insert(at + 1, self._chunks[at + 1][-1])
            self._lightest.insert(at + 1, None)


class Triggers:
    """The ten sets of engine 1.8, named for the position's side and the trigger's purpose."""

    NAMES: ClassVar[tuple[str, ...]] = (
        "open_long",
        "open_short",
        "liquidate_long",
        "liquidate_short",
        "close_long",
        "close_short",
        "stop_loss_long",
        "stop_loss_short",
        "take_profit_long",
        "take_profit_short",
    )

    def __init__(self) -> None:
        self.open_long = TriggerSet()
        self.open_short = TriggerSet()
        self.liquidate_long = Ledger(Side.LONG)
        self.liquidate_short = Ledger(Side.SHORT)
        self.close_long = TriggerSet()
        self.close_short = TriggerSet()
        self.stop_loss_long = TriggerSet()
        self.stop_loss_short = TriggerSet()
        self.take_profit_long = TriggerSet()
        self.take_profit_short = TriggerSet()

    def copy(self) -> "Triggers":
        """Return an independent copy."""
        other = Triggers()
        for name in self.NAMES:
            setattr(other, name, getattr(self, name).copy())
        return other
