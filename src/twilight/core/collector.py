"""Python's collector of cycles, as a core needs it."""

import gc

YOUNG_MAX = 50_000
"""New objects before it looks at them; Python's own 700 are those of three commands."""


def rest_collector() -> None:
    """Let the collector look seldom, and never again at what is in memory now.

    Decisions make no cycles, but live positions and batches on their way are many objects: with Python's own
    thresholds it went through them so often that it took a quarter to a third of the core's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, 20, 100)
