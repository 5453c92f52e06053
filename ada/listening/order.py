"""In which order a rater hears clips: random, and balanced over systems and clips."""

import random
from collections.abc import Mapping, Sequence


def draw_order(
    systems: Mapping[str, Sequence[int]], expected: Mapping[int, float], rounds: int, seed: int
) -> list[int]:
    """Draws the clips that one rater hears, in order.

    A round is one clip of every system, in random order. Of each system those clips are taken that
    the fewest ratings are expected of, ties at random, so that the counts of a system's clips
    differ by one at most if all raters rate all that they are given.

    Args:
      systems: clips of each system.
      expected: how many ratings of a clip there will be from raters before; none of those missing.
      rounds: how many clips of each system.
      seed: of the rater; the same arguments give the same order.

    Returns:
      `rounds` times as many clips as there are systems, none of them twice.

    Raises:
      ValueError: a system has fewer clips than there are rounds.
    """
    rng = random.Random(seed)
    columns = []
    for name, clips in systems.items():
        if not 1 <= rounds <= len(clips):
            raise ValueError(f"draw_order: {rounds} rounds, but {len(clips)} clips of {name!r}.")
        rarest = sorted(clips, key=lambda clip: (expected.get(clip, 0), rng.random()))[:rounds]
        # The rarest would come first, and who stops early would hear those alone.
        columns.append(rng.sample(rarest, rounds))
    order = []
    for clips in zip(*columns, strict=True):
        order += rng.sample(clips, len(clips))
    return order
