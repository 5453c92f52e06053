"""Hierarchical sampling (the slides' stacking): all levels advance together, the audio in blocks.

The bottom level generates block after block, and every level above what the modulator below it
sees of its codes, rounded up to whole windows and blocks, and no more. What is kept of a sequence
is what is still to be read: memory does not grow with its length.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ada.generation.group import Group, LevelBlock
from ada.generation.level import Level
from ada.utils.progress import progress_bar

# Steps of a stream that nobody wants to end.
ENDLESS = 2**60


class Block(NamedTuple):
    """What a stream made since its last block.

    Attributes:
      items: places of the clips among all.
      start: of the audio in these clips, samples.
      audio: float32 `[items, samples]` in [-1, 1]; None of a stream of codes.
      levels: what each level generated meanwhile, top first: blocks of some of the items.
    """

    items: range
    start: int
    audio: np.ndarray | None
    levels: tuple[tuple[LevelBlock, ...], ...]


class Stream:
    """Clips made by levels on top of each other, block by block; to be iterated over once.

    Batches of items run on as many threads as there are processors; where there are more batches,
    they take turns, and later items follow when the first ended.

    Args:
      levels: top first; each but the first is conditioned on the one before it.
      lengths: ids of every level (`lengths.level_lengths`).
      num_items: clips.
      to_audio: bottom ids to float32 audio, element by element; None for a stream of codes.
      sample_rate: steps of the bottom level to a second.
      codes: what the first level is conditioned on, int `[num_items, steps]`, or float
        `[num_items, steps, dim]` for an autoencoder without codes; None if it is a prior.
      prefixes: for every level, the ids that each item begins with, int `[steps]`; empty for none.
      indices: of the items, which with the seed decide their random numbers; 0, 1, ... if None.
      desc: title of a progress bar; None for none.

    Raises:
      ValueError: if there is not as much of something as there are levels or clips.

    Attributes:
      seconds: of generating so far; without compiling, and without what is done with the blocks.
      level_seconds: of every level, top first, all groups together.
      num_generated: samples of audio generated so far, of all clips.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        lengths: Sequence[int],
        num_items: int,
        to_audio: Callable[[np.ndarray], np.ndarray] | None = None,
        sample_rate: float = 1.0,
        *,
        codes: np.ndarray | None = None,
        prefixes: Sequence[Sequence[np.ndarray]] = (),
        indices: Sequence[int] | None = None,
        desc: str | None = None,
    ) -> None:
        self.levels, self.lengths, self.num_items = levels, lengths, num_items
        self.sample_rate = sample_rate
        self.seconds, self.num_generated = 0.0, 0
        self.level_seconds = [0.0] * len(levels)
        self.indices = range(num_items) if indices is None else indices
        self.codes = None if codes is None else np.asarray(codes)
        self._desc = desc
        self.prefixes = prefixes or [()] * len(levels)
        self._begun = False
        counts = {"indices": len(self.indices)} | ({} if codes is None else {"codes": len(codes)})
        counts |= {f"prefixes[{n}]": len(ids) for n, ids in enumerate(self.prefixes) if len(ids)}
        wrong = [f"{name} of {count}" for name, count in counts.items() if count != num_items]
        if wrong or num_items < 1:
            raise ValueError(f"Stream: {num_items} clips, but {', '.join(wrong) or 'none'}.")
        if not len(levels) == len(lengths) == len(self.prefixes):
            raise ValueError(
                f"Stream: {len(levels)} levels, {len(lengths)} lengths, prefixes of "
                f"{len(self.prefixes)}."
            )
        self._check_levels()
        self._audio_of_ids = None
        if to_audio is not None:
            self._audio_of_ids = np.asarray(to_audio(np.arange(levels[-1].num_classes)), np.float32)

    def _check_levels(self) -> None:
        """Raises ValueError for levels and codes that do not fit, or codes that do not last."""
        if len({level.sampler.batch_size for level in self.levels}) > 1:
            raise ValueError("Stream: all levels must have the same batch size.")
        top, codes, num_codes = self.levels[0].conditioning, self.codes, 0
        if codes is not None:
            if top is None:
                raise ValueError(
                    "Stream: codes are for an autoencoder; the first level is a prior."
                )
            top.check_codes(codes)
            num_codes = codes.shape[1]
        for level, length in zip(self.levels, self.lengths, strict=True):
            if level.conditioning is not None and num_codes * level.hop_length < length:
                raise ValueError(
                    f"{num_codes} codes at hop {level.hop_length} do not last for {length} ids."
                )
            num_codes = length

    def __iter__(self) -> Iterator[Block]:
        if self._begun:
            raise RuntimeError("A Stream is iterated over once; make another.")
        self._begun = True
        for level in self.levels:
            level.compile()
        batch_size = self.levels[-1].sampler.batch_size
        groups = [
            range(first, min(first + batch_size, self.num_items))
            for first in range(0, self.num_items, batch_size)
        ]
        threads = min(len(groups), os.cpu_count() or 1)
        with self._bar() as bar, ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(groups), threads):
                running = [Group(self, group) for group in groups[first : first + threads]]
                while not running[0].is_done:
                    began = time.monotonic()
                    parts = list(pool.map(Group.advance, running))
                    self.seconds += time.monotonic() - began
                    levels = tuple(
                        tuple(itertools.chain(*part)) for part in zip(*parts, strict=True)
                    )
                    bar.update(self._count(levels))
                    bar.set_postfix_str(f"{self.real_time_factor:.2f} x real time", refresh=False)
                    yield self._block(levels)

    def to_audio(self, ids: np.ndarray) -> np.ndarray | None:
        """Audio of bottom ids, float32 of the same shape; None if they are codes."""
        return None if self._audio_of_ids is None else self._audio_of_ids[ids]

    def collect(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Generates everything: ids and log-probabilities of every level, `[items, steps]` each.

        Raises:
          ValueError: if there is no end to it.
        """
        if self.lengths[-1] >= ENDLESS:
            raise ValueError("Stream: what has no duration cannot be had at once.")
        made = [
            (np.zeros([self.num_items, n], np.int32), np.zeros([self.num_items, n], np.float32))
            for n in self.lengths
        ]
        for block in self:
            for (ids, log_probs), parts in zip(made, block.levels, strict=True):
                for part in parts:
                    rows = slice(part.items.start, part.items.stop)
                    columns = slice(part.start, part.start + part.ids.shape[1])
                    ids[rows, columns] = part.ids
                    log_probs[rows, columns] = part.log_probs
        return made

    @property
    def real_time_factor(self) -> float:
        """Seconds of clips generated per second, all together."""
        return self.num_generated / self.sample_rate / max(self.seconds, 1e-9)

    def _bar(self) -> tqdm:
        length = self.lengths[-1]
        return progress_bar(
            total=None if length >= ENDLESS else self.num_items * length,
            initial=sum(min(len(ids), length) for ids in self.prefixes[-1]),
            desc=self._desc or "",
            unit="step",
            unit_scale=True,
            disable=self._desc is None,
        )

    def _count(self, levels: Sequence[Sequence[LevelBlock]]) -> int:
        """Counts what was generated; returns how much of it was audio."""
        for position, blocks in enumerate(levels):
            self.level_seconds[position] += sum(block.seconds for block in blocks)
        generated = sum(int((~np.isnan(block.log_probs)).sum()) for block in levels[-1])
        self.num_generated += generated
        return generated

    def _block(self, levels: tuple[tuple[LevelBlock, ...], ...]) -> Block:
        first, last = levels[-1][0], levels[-1][-1]
        audio = self.to_audio(np.concatenate([block.ids for block in levels[-1]]))
        return Block(range(first.items.start, last.items.stop), first.start, audio, levels)


def generate_level(
    level: Level,
    num_items: int,
    num_steps: int,
    *,
    codes: np.ndarray | None = None,
    prefixes: Sequence[np.ndarray] = (),
    desc: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Generates the ids of one level.

    Args:
      level: what samples.
      num_items: sequences.
      num_steps: ids of each.
      codes: see `Stream`; so are the rest.
      prefixes: the ids that each item begins with.
      desc: see `Stream`.

    Returns:
      ids int32 and log p(id) at temperature 1 float32, NaN for ids of the prefix, both
      `[num_items, num_steps]`.

    Raises:
      ValueError: if the codes do not last.
    """
    return Stream(
        [level],
        [num_steps],
        num_items,
        codes=codes,
        prefixes=[prefixes] if prefixes else (),
        desc=desc,
    ).collect()[0]
