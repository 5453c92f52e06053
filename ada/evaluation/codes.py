"""Information in codes: the cost of exchanging them (rolled codes), and their entropies."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ada.data import Dataset, unshifted
from ada.data.pipeline import ToIds
from ada.evaluation.likelihood import context_in_hops, read_windows
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.models.losses import NATS_TO_BITS
from ada.utils import log
from ada.utils.progress import passing_bar

NUM_CLIPS = 32


class RolledCodes:
    """Bits per step that another clip's codes cost, over clips spread evenly over a split.

    Codes that are ignored cost nothing to exchange, whatever their perplexity. Steps count where
    both clips have some: codes of what comes after the end of a source are none.

    Args:
      model: a built autoencoder with codes.
      dataset: the split's dataset.
      to_ids: from stored steps to ids.
      split: its name.
      counted_steps: ids of each clip that are scored; context is read besides.
      num_clips: number of clips, at most.
      jit_compile: whether XLA compiles the scoring.

    Attributes:
      possible: whether the split is long enough to have two clips.
    """

    def __init__(
        self,
        model: AutoregressiveDiscreteAutoencoder,
        dataset: Dataset,
        to_ids: ToIds,
        split: str = "validation",
        counted_steps: int = 4096,
        num_clips: int = NUM_CLIPS,
        jit_compile: bool = False,
    ) -> None:
        left, right = context_in_hops(model)
        hop = model.alignment
        # Of short data shorter clips, so that there are several.
        longest = int(max(dataset.index(split).lengths))
        counted = max(min(-(-counted_steps // hop), longest // 4 // hop), 1) * hop
        self._ids, weights = read_windows(
            dataset, split, to_ids, left + counted + right, left, right, hop, num_clips
        )
        # Half-way around: neighbours in time share notes.
        self._half = len(self._ids) // 2
        self._weights = weights * np.roll(weights, self._half, axis=0)
        self.possible = len(self._ids) > 1 and bool(self._weights.any())
        self._encode = tf.function(model.encode, jit_compile=jit_compile, autograph=False)
        self._log_prob = tf.function(model.log_prob, jit_compile=jit_compile, autograph=False)

    def __call__(self, progress: bool = False) -> dict[str, float | None]:
        """Scores the clips with the model's present weights.

        Args:
          progress: whether to show a bar.

        Returns:
          "own_codes_bits", "rolled_codes_bits" and their difference "rolled_codes_cost_bits"
          (higher is better); None where it is not `possible`.
        """
        names = ("own_codes_bits", "rolled_codes_bits", "rolled_codes_cost_bits")
        if not self.possible:
            return dict.fromkeys(names)
        codes = np.concatenate([self._encode(row[np.newaxis]).numpy() for row in self._ids])
        with passing_bar(
            total=2 * len(codes), desc="exchanging codes", unit="clip", disable=not progress
        ) as bar:
            own, other = (self._bits(c, bar) for c in (codes, np.roll(codes, self._half, axis=0)))
        return dict(zip(names, (own, other, other - own), strict=True))

    def _bits(self, codes: np.ndarray, bar: tqdm) -> float:
        total = 0.0
        for row, code, weights in zip(self._ids, codes, self._weights, strict=True):
            log_prob = self._log_prob(row[np.newaxis], code[np.newaxis])[0]
            total += float(tf.reduce_sum(weights * log_prob))
            bar.update()
        return -total / float(self._weights.sum()) * float(NATS_TO_BITS)


def rolled_codes_cost(
    model: AutoregressiveDiscreteAutoencoder,
    dataset: Dataset,
    to_ids: ToIds,
    split: str = "validation",
    counted_steps: int = 4096,
) -> dict[str, float | None]:
    """The result of `RolledCodes`; logs a warning if the split is too short."""
    rolled = RolledCodes(model, dataset, to_ids, split, counted_steps)
    if not rolled.possible:
        log.warning(f"the {split} split is too short to exchange codes between clips.")
    return rolled()


def code_entropies(dataset: Dataset, split: str = "validation") -> dict[str, float]:
    """Bits per code under models without a network, which a prior should improve on.

    Both are counted on the train split and scored on another, so that they do not profit from few
    codes, as entropies of counts would: they are upper bounds on the entropy of a code and on its
    *conditional entropy* given the code before. log2 of their number always is. Of codes that take
    turns (`num_turns`), all is given whose turn it is. Only codes at offset 0 are counted, so that
    the numbers do not depend on the number of offsets.

    Args:
      dataset: of codes.
      split: to score, not the train split.

    Returns:
      "unigram_bits", of codes one by one; "bigram_bits", given the code before; "uniform_bits", of
      codes that are all equally likely, which neither of the two exceeds.
    """
    num_codes = dataset.spec.num_classes
    counts, pairs, times = np.zeros(num_codes, np.int64), *np.zeros((2, 0), np.int64)

    def counted() -> Iterator[np.ndarray]:
        """The train split, counted while it is gone through."""
        nonlocal counts, pairs, times
        for codes in all_codes(unshifted(dataset), "train"):
            counts += np.bincount(codes, minlength=num_codes)
            found, often = np.unique(_pairs(codes, num_codes), return_counts=True)
            pairs, places = np.unique(np.concatenate([pairs, found]), return_inverse=True)
            times = np.bincount(places, np.concatenate([times, often]), len(pairs))
            yield codes

    turns = num_turns(counted(), num_codes)
    smoothed = counts.reshape(turns, -1) + 1.0
    alone = (smoothed / smoothed.sum(axis=1, keepdims=True)).ravel()
    # Witten and Bell (1991): a context backs off by as many counts as kinds of codes followed it.
    seen = np.bincount(pairs // num_codes, times, num_codes)
    kinds = np.maximum(np.bincount(pairs // num_codes, minlength=num_codes), 1)
    unigram, bigram, count = 0.0, 0.0, 0
    for codes in all_codes(dataset, split):
        before, present, pair = codes[:-1], codes[1:], _pairs(codes, num_codes)
        place = np.minimum(np.searchsorted(pairs, pair), max(len(pairs) - 1, 0))
        found = np.where(pairs[place] == pair, times[place], 0) if len(pairs) else 0
        after = (found + kinds[before] * alone[present]) / (seen[before] + kinds[before])
        unigram -= np.log2(alone[present]).sum()
        bigram -= np.log2(after).sum()
        count += len(present)
    found = {"unigram_bits": unigram / max(count, 1), "bigram_bits": bigram / max(count, 1)}
    # Where few codes were counted, taking all for equally likely is the better model.
    uniform = float(np.log2(num_codes / turns))
    found = {name: float(min(bits, uniform)) for name, bits in found.items()}
    return found | {"uniform_bits": uniform}


def num_turns(sources: Iterable[np.ndarray], num_codes: int) -> int:
    """G if codes take turns: that of step t is always in the (t mod G)-th of G equal parts of the
    codes, as those of `ada.extensions` that stand for one vector together; 1 for other codes.
    """
    possible = [turns for turns in range(2, num_codes // 2 + 1) if num_codes % turns == 0]
    longest = 0
    for codes in sources:
        longest = max(longest, len(codes))
        step = np.arange(len(codes))
        possible = [g for g in possible if np.array_equal(codes * g // num_codes, step % g)]
    return max((turns for turns in possible if turns <= longest), default=1)


def _pairs(codes: np.ndarray, num_codes: int) -> np.ndarray:
    """A number for every code with the one before it, `[steps - 1]`."""
    return codes[:-1] * num_codes + codes[1:]


def all_codes(dataset: Dataset, split: str) -> Iterator[np.ndarray]:
    """The codes of every source of a split, int64 `[steps]`."""
    for source, length in enumerate(dataset.index(split).lengths):
        yield dataset.read(split, source, 0, int(length)).astype(np.int64)
