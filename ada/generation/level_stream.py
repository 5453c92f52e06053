"""The ids of one level for a group of items, in blocks, as far as they are asked for.

A level above is a source of codes like codes that are given: it draws no block before one is read.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ada.generation.conditioning import Source
from ada.generation.level import Level
from ada.utils.errors import UserError


class LevelBlock(NamedTuple):
    """A block of one level.

    Attributes:
      items: places of the sequences among all items.
      start: its first step.
      ids: int32 `[items, steps]`.
      log_probs: log p(id) in nats at temperature 1, float32 `[items, steps]`; NaN for ids that were
        known.
      seconds: it took, its conditioning included, the levels above not.
    """

    items: range
    start: int
    ids: np.ndarray
    log_probs: np.ndarray
    seconds: float


class LevelStream:
    """The ids of one level for one group of items; a `Source` of codes for the level below.

    An item's ids depend on its number, the seed, the backend and, but for the native one, the lane
    width, not on how many items there are, nor on what of it is known already: a state is made
    anew from as many known ids as the model's receptive field holds.

    Args:
      level: what draws.
      items: their places among all items, at most as many as the level has lanes.
      numbers: what they are called; decides their random numbers.
      num_steps: ids of an item.
      above: codes of the level above for as many items; None without.
      known: ids that every item begins with, each int `[steps]`, or what has a length and gives
        such arrays where it is sliced; none if empty.

    Raises:
      ValueError: if the codes above are too few.
    """

    def __init__(
        self,
        level: Level,
        items: range,
        numbers: Sequence[int],
        num_steps: int,
        above: Source | None = None,
        known: Sequence[Sequence] = (),
    ) -> None:
        if above is not None and above.num_steps * level.hop_length < num_steps:
            raise ValueError(
                f"{above.num_steps} codes at hop {level.hop_length} do not last for {num_steps} "
                "ids."
            )
        self.num_steps = num_steps
        self._level, self._items, self._above = level, items, above
        # Lanes without an item draw something too.
        self._numbers = [*numbers, *[0] * (level.sampler.lanes - len(items))]
        self._known = list(known) or [np.zeros(0, np.int32)] * len(items)
        known_steps = min(map(len, self._known))
        # The first block that is computed: those before are known, and out of sight.
        self._first = max(known_steps - level.receptive_field, 0) // level.block_steps
        if known_steps >= num_steps:
            self._first = -(-num_steps // level.block_steps)
        self._state = None
        self._comparison = None
        if level.exact is not None and items.start == 0 and level.rounding_bits is None:
            self._comparison = _Comparison(level)
        self._block = 0
        self._h, self._h_start = None, 0
        self._seconds = 0.0
        self._kept: list[LevelBlock] = []
        self._untaken: list[LevelBlock] = []

    @property
    def is_done(self) -> bool:
        """Whether there is no block left."""
        return self._block * self._level.block_steps >= self.num_steps

    def read(self, start: int, stop: int) -> np.ndarray:
        while not self.is_done and self._block * self._level.block_steps < stop:
            self._kept.append(self.advance())
            self._forget(start)
        self._forget(start)
        if stop <= start:
            return np.zeros([len(self._items), 0], np.int32)
        first = self._kept[0].start
        if start < first:
            raise ValueError(f"LevelStream: steps from {start} on are forgotten, from {first} not.")
        ids = np.concatenate([block.ids for block in self._kept], axis=1)
        return ids[:, start - first : stop - first]

    def _forget(self, start: int) -> None:
        self._kept = [b for b in self._kept if b.start + b.ids.shape[1] > start]

    def take(self) -> tuple[LevelBlock, ...]:
        """The blocks drawn since this was last asked."""
        taken, self._untaken = tuple(self._untaken), []
        return taken

    def advance(self) -> LevelBlock:
        """Draws the next block, and forgets it: what is to be read later is drawn by reading."""
        level, block = self._level, self._block
        start = block * level.block_steps
        stop = min(start + level.block_steps, self.num_steps)
        known = self._known_ids(start, start + level.block_steps)
        self._seconds = 0.0
        if block < self._first:
            ids, log_probs = known, np.full(known.shape, np.nan, np.float32)
            self._pass_by(start)
        else:
            ids, log_probs = self._draw(start, known, stop - start)
        ids, log_probs = (array[: len(self._items), : stop - start] for array in (ids, log_probs))
        ids.flags.writeable = False  # the level below will read them
        drawn = LevelBlock(self._items, start, ids, log_probs, self._seconds)
        self._untaken.append(drawn)
        self._block += 1
        return drawn

    def _draw(self, start: int, known: np.ndarray, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
        level, draws = self._level, self._level.draws
        h = self._conditioning(start)
        began = time.monotonic()
        if self._state is None:
            self._state = level.sampler.initial_state()
        noise = level.uniforms(draws.seed, self._numbers, self._block)
        self._state, ids, log_probs = level.sampler(
            self._state, noise, draws.temperature, h, known, num_steps
        )
        ids, log_probs = np.array(ids), np.asarray(log_probs)
        self._seconds += time.monotonic() - began
        if np.isnan(log_probs).any():
            raise UserError(
                f"level {level.number} has no probabilities for what comes next (NaN): its "
                "training diverged."
            )
        log_probs = np.where(known < 0, log_probs, np.float32("nan"))
        if self._comparison is not None and self._comparison.take(h, ids, log_probs, num_steps):
            self._comparison = None
        return ids, log_probs

    def _pass_by(self, start: int) -> None:
        """Lets the level above come as far as a block that is not computed: it needs no codes."""
        conditioning = self._level.conditioning
        if conditioning is not None:
            code = start // self._level.hop_length
            # The window of the first block that is computed may begin before it.
            window = code // conditioning.window_codes * conditioning.window_codes
            first, _ = conditioning.needed(window, code, self._above.num_steps)
            self._above.read(first, code)

    def _known_ids(self, start: int, stop: int) -> np.ndarray:
        """What is known of a block, `[lanes, steps]`, and -1 elsewhere."""
        ids = np.full([self._level.sampler.lanes, stop - start], -1, np.int32)
        for row, piece in zip(ids, self._known, strict=False):
            part = np.asarray(piece[start:stop])
            row[: len(part)] = part
        return ids

    def _conditioning(self, start: int) -> np.ndarray | None:
        """Conditioning of the block from a step on, `[lanes, conditioning_steps, channels]`."""
        level, conditioning = self._level, self._level.conditioning
        if conditioning is None:
            return None
        first = start // level.hop_length
        if self._h is None or first >= self._h_start + conditioning.window_codes:
            self._h_start = first // conditioning.window_codes * conditioning.window_codes
            self._h = self._window(self._h_start)
        begin = (first - self._h_start) * conditioning.rate
        steps = level.block_codes * conditioning.rate
        h = self._h[:, begin : begin + steps]
        # Lanes without an item, and steps after the last, are filled up.
        missing = (level.sampler.lanes - len(h), steps - h.shape[1])
        return np.pad(h, [(0, missing[0]), (0, missing[1]), (0, 0)], "edge")

    def _window(self, first: int) -> np.ndarray:
        """Conditioning of the window from a code on."""
        level, conditioning = self._level, self._level.conditioning
        last = min(first + conditioning.window_codes, -(-self.num_steps // level.hop_length))
        seen = self._above.read(*conditioning.needed(first, last, self._above.num_steps))
        began = time.monotonic()
        h = conditioning.window(seen, first, last)
        self._seconds += time.monotonic() - began
        return h


class _Comparison:
    """Bits that rounded weights cost: the same ids under the model itself.

    Args:
      level: what draws; its `rounding_bits` are noted.
    """

    def __init__(self, level: Level) -> None:
        self._level, self._state = level, level.exact.initial_state()

    def take(
        self, h: np.ndarray | None, ids: np.ndarray, log_probs: np.ndarray, num_steps: int
    ) -> bool:
        """Follows a block, `[lanes, steps]`; whether that is all: something of it was drawn."""
        self._state, _, exact = self._level.exact(
            self._state, np.zeros(ids.shape, np.float32), 1.0, h, ids, num_steps
        )
        change = (log_probs - np.asarray(exact))[:, :num_steps]
        if np.isnan(change).all():
            return False
        self._level.rounding_bits = float(np.nanmean(change) / np.log(2.0))
        return True
