"""Scoring a whole split with the context that every step needs."""

import functools
import itertools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from ada.data import Dataset, evaluation_windows, read_batches
from ada.data.pipeline import ToIds
from ada.data.windows import evaluation_table
from ada.models.losses import NATS_TO_BITS, explained_share
from ada.quantizers import perplexity
from ada.utils.progress import passing_bar
from ada.utils.replicas import distribute, run_on_replicas

# Ids that a window counts besides its context, at least.
LEAST_COUNTED_STEPS = 4096


def context_in_hops(model: keras.Model) -> tuple[int, int]:
    """`model.context` (steps before and after), rounded up to whole groups of codes."""
    hop = model.alignment
    left, right = (-(-context // hop) * hop for context in model.context)
    return left, right


def read_windows(
    dataset: Dataset,
    split: str,
    to_ids: ToIds,
    window_steps: int,
    left: int,
    right: int,
    alignment: int,
    num_windows: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Windows spread evenly over a split: int32 ids and float32 weights `[windows, steps]`."""
    counted = window_steps - left - right
    windows = evaluation_windows(
        dataset,
        split,
        window_steps=window_steps,
        left_context=left,
        right_context=right,
        alignment=alignment,
        batch_size=1,
        to_ids=to_ids,
        max_steps=num_windows * counted,
    )
    rows = [
        (batch["ids"][0].numpy(), batch["weights"][0].numpy())
        for batch in read_batches(windows, dataset, split)
    ]
    ids, weights = zip(*rows, strict=True)
    return np.stack(ids), np.stack(weights)


class SplitScorer:
    """Mean bits and code use over a split.

    Windows overlap by the context that a model needs on both sides, so that no counted step sees
    the edge of a window (`model.context`).

    Where codes are extracted, a source ends with its last hop, and so it does where codes are
    decoded. With `exact_ends` it does here, too: then bits are those of the very codes that a prior
    is scored on, and adding the two gives a bound on the likelihood. Otherwise, which is faster,
    windows are filled up with silence (or code 0), and the last codes may differ.

    Args:
      model: a built model.
      dataset: to score.
      to_ids: from stored steps to ids.
      split: its name.
      batch_steps: ids in a batch, about; decides the number of windows side by side.
      jit_compile: whether XLA compiles the scoring.
      strategy: whose replicas divide the windows; in all processes the result is the same. Default:
        one device.
      max_steps: count at most about this many ids, in windows spread evenly over the split; all of
        them if None.
      exact_ends: whether windows end where their source does.

    Attributes:
      num_steps: number of ids that are counted.
    """

    def __init__(
        self,
        model: keras.Model,
        dataset: Dataset,
        to_ids: ToIds,
        split: str = "validation",
        batch_steps: int = 65536,
        jit_compile: bool = True,
        strategy: tf.distribute.Strategy | None = None,
        max_steps: int | None = None,
        exact_ends: bool = False,
    ) -> None:
        self.model = model
        self._strategy = strategy or tf.distribute.get_strategy()
        self._split = split
        self._dataset = dataset
        hop = model.alignment
        left, right = context_in_hops(model)
        # Twice as much counted as context keeps the overhead at a half.
        longest = max(dataset.index(split).lengths)
        counted = min(max(2 * (left + right), LEAST_COUNTED_STEPS), int(longest))
        window = left + right + -(-counted // hop) * hop
        replicas = self._strategy.num_replicas_in_sync
        batch_size = replicas * max(1, batch_steps // window)

        places = {
            "window_steps": window,
            "left_context": left,
            "right_context": right,
            "alignment": hop,
            "max_steps": max_steps,
        }
        # Causal models do not depend on the padding at the end of a window.
        exact_ends = exact_ends and model.quantizer is not None
        make_windows = functools.partial(
            evaluation_windows,
            dataset,
            split,
            batch_size=batch_size,
            to_ids=to_ids,
            within_sources=exact_ends,
            **places,
        )
        self._num_batches = int(make_windows().cardinality())
        lengths, self._to_ids = dataset.index(split).lengths, to_ids
        table = evaluation_table(lengths, batch_size=1, **places)
        self.num_steps = int((table["count_to"] - table["count_from"]).sum())
        past = table["start"] + window > lengths[table["source"]]
        self._ends = {name: column[past & exact_ends] for name, column in table.items()}
        # Windows of any length: not compiled by XLA, which would do so for each.
        self._end_sums = tf.function(
            self._batch_sums,
            input_signature=[
                tf.TensorSpec([1, None], tf.int32),
                tf.TensorSpec([1, None], tf.float32),
                tf.TensorSpec([1], tf.int64),
            ],
            autograph=False,
        )
        self._windows = distribute(make_windows, self._strategy, batch_size)
        self._local_sums = tf.function(self._batch_sums, jit_compile=jit_compile, autograph=False)
        self._sums = tf.function(self._global_sums, autograph=False)

    def _global_sums(self, *batch: tf.Tensor) -> dict[str, tf.Tensor]:
        def replica_sums(*batch: tf.Tensor) -> dict[str, tf.Tensor]:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, self._local_sums(*batch))

        return run_on_replicas(self._strategy, replica_sums, *batch)

    def _batch_sums(
        self, ids: tf.Tensor, weights: tf.Tensor, source: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        output = self.model.compute_losses(ids, weights)
        wanted = {"usage", "zero_queries", "quantization_error", "auxiliary_moments"}
        metrics = {k: v for k, v in output.metrics.items() if k in wanted}
        num_sources = len(self._dataset.index(self._split).lengths)
        rows = {"steps": tf.reduce_sum(weights, axis=1)}
        if output.row_nll is not None:
            rows["nll"] = output.row_nll
        # Sums of each source: rows of one batch may be of several.
        sums = {k: tf.math.unsorted_segment_sum(v, source, num_sources) for k, v in rows.items()}
        return sums | metrics

    def _sums_of_ends(self) -> Iterator[dict[str, tf.Tensor]]:
        """The sums of every window that is to end where its source does."""
        for source, start, count_from, count_to in zip(*self._ends.values(), strict=True):
            length = int(self._dataset.index(self._split).lengths[source]) - int(start)
            stored = self._dataset.read(self._split, int(source), int(start), length)
            place = start + np.arange(length)
            weights = np.float32((place >= count_from) & (place < count_to))
            ids = self._to_ids(tf.constant(stored))
            yield self._end_sums(ids[tf.newaxis], weights[np.newaxis], source[np.newaxis])

    def __call__(
        self, progress: bool = False, between: Callable[[], None] = lambda: None
    ) -> dict[str, float | np.ndarray]:
        """Scores the split with the model's present weights.

        Args:
          progress: whether to show a bar.
          between: called after every batch; what it raises ends the scoring.

        Returns:
          "bits": mean -log2 p(id) a step; of an autoencoder -log2 p(id | codes), *reconstruction*.
          "source_bits": the same of each source of the split, `[num_sources]`.
          Both are missing as long as the bottleneck alone is trained.
          With codes also "usage" `[num_codes]`, "perplexity", "used_codes" and raw metrics; with an
          auxiliary loss "explained_share" (`ada.models.losses.explained_share`).
        """
        totals: dict[str, np.ndarray] = {}
        windows = read_batches(self._windows, self._dataset, self._split)
        if progress:
            windows = passing_bar(
                windows, total=self._num_batches, desc=f"scoring {self._split}", unit="batch"
            )
        whole = (self._sums(batch["ids"], batch["weights"], batch["source"]) for batch in windows)
        for sums in itertools.chain(whole, self._sums_of_ends()):
            for name, value in sums.items():
                totals[name] = totals.get(name, 0.0) + value.numpy().astype(np.float64)
            between()
        source_steps, result = totals.pop("steps"), {}
        steps = source_steps.sum()
        if "nll" in totals:
            source_bits = totals.pop("nll") * NATS_TO_BITS
            result["bits"] = float(source_bits.sum() / steps)
            result["source_bits"] = source_bits / np.maximum(source_steps, 1.0)
        means = {name: value / steps for name, value in totals.items()}
        if "auxiliary_moments" in means:
            result["explained_share"] = explained_share(means.pop("auxiliary_moments"))
        if "usage" in means:
            usage = means["usage"]
            result |= {
                "usage": usage,
                "perplexity": float(perplexity(tf.constant(usage))),
                "used_codes": int(np.count_nonzero(usage)),
            }
        return result | {k: float(v) for k, v in means.items() if k != "usage"}
