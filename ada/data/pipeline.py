"""Input pipelines: training batches and evaluation windows, of TensorFlow operations only.

Both yield dicts of `ids`, int32 `[batch, steps]`, and `weights`, float32 of the same shape.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import tensorflow as tf

from ada.audio import from_pcm16, get_companding
from ada.data.dataset import READ_ERRORS, Dataset, read_error
from ada.data.records import read_steps
from ada.data.windows import evaluation_table

T = TypeVar("T")
ToIds = Callable[[tf.Tensor], tf.Tensor]


def audio_to_ids(num_classes: int = 256, companding: str = "mu_law") -> ToIds:
    """A function from 16-bit PCM to ids int32 of the same shape, exact by a table of all 65536.

    Args:
      num_classes: number of ids.
      companding: a name that `ada.audio.get_companding` knows.
    """
    encode, _ = get_companding(companding)
    every_value = np.arange(-32768, 32768, dtype=np.int16)
    table = tf.constant(np.asarray(encode(from_pcm16(every_value), num_classes)), tf.int32)

    def to_ids(pcm: tf.Tensor) -> tf.Tensor:
        return tf.gather(table, tf.cast(pcm, tf.int32) + 32768)

    return to_ids


def codes_to_ids() -> ToIds:
    """A function from stored codes to ids int32 of the same shape."""
    return lambda codes: tf.cast(codes, tf.int32)


def default_to_ids(dataset: Dataset) -> ToIds:
    """The default for a dataset: codes unchanged, audio in 256 mu-law classes."""
    return audio_to_ids() if dataset.spec.kind == "audio" else codes_to_ids()


def training_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    crop_steps: int,
    seed: int,
    first_step: int = 0,
    split: str = "train",
    slice_index: int = 0,
    num_slices: int = 1,
    to_ids: ToIds | None = None,
    alignment: int = 1,
) -> tf.data.Dataset:
    """Random crops without end; each batch is a function of (seed, global step) and nothing else.

    Element k is the batch of global step `first_step + k`, so resuming needs the step only. A
    source is drawn in proportion to its length and a crop uniformly within it; a source that is
    shorter than a crop is padded at its end, with silence or code 0, at weight 0.

    Args:
      dataset: audio or codes.
      batch_size: crops in the *global* batch.
      crop_steps: steps in a crop.
      seed: any integer.
      first_step: the global step of the first batch.
      split: to draw from.
      slice_index: which slice of each global batch to yield (of a replica or worker).
      num_slices: slices of a global batch; they are disjoint and together equal it exactly.
      to_ids: from stored steps to ids; `default_to_ids` if None.
      alignment: crops start at multiples of it, as groups of codes do.

    Returns:
      Batches of `ids` int32 and `weights` float32 `[batch_size / num_slices, crop_steps]`.
      Weights sum to one over the *global* batch: losses are weighted sums, and slices add up.

    Raises:
      ValueError: if a size is not positive or slices do not divide the batch.
    """
    if min(batch_size, crop_steps, num_slices) < 1 or first_step < 0:
        raise ValueError(
            "batch_size, crop_steps and num_slices must be at least 1 and first_step at least 0, "
            f"got {batch_size}, {crop_steps}, {num_slices}, {first_step}"
        )
    rows = _slice_of(batch_size, slice_index, num_slices)
    read_row = _row_reader(dataset, split, crop_steps, to_ids)
    lengths = dataset.index(split).lengths
    ends = tf.constant(np.cumsum(lengths))
    lengths = tf.constant(lengths)

    def draw(step: tf.Tensor) -> dict[str, tf.Tensor]:
        # A fixed algorithm: the default one differs between devices.
        time = tf.random.stateless_uniform(
            [batch_size], tf.stack([seed, step]), 0, ends[-1], tf.int64, alg="philox"
        )
        source = tf.searchsorted(ends, time, side="right", out_type=tf.int64)
        length = tf.gather(lengths, source)
        position = time - (tf.gather(ends, source) - length)
        # The position in the source is uniform; scaled to the places where a crop may start.
        start = position * tf.maximum(length - crop_steps + 1, 1) // length
        start = start // alignment * alignment
        counted = tf.minimum(length, crop_steps)
        share = 1.0 / tf.cast(tf.reduce_sum(counted), tf.float32)
        return {
            "source": source[rows],
            "start": start[rows],
            "count_to": counted[rows],
            "share": tf.fill([rows.stop - rows.start], share),
        }

    def crop(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        mask = tf.range(crop_steps, dtype=tf.int64) < row["count_to"]
        return {
            "ids": read_row(row["source"], row["start"]),
            "weights": tf.where(mask, row["share"], 0.0),
        }

    steps = tf.data.Dataset.counter(start=first_step, dtype=tf.int64)
    batches = _assembled(steps.map(draw).unbatch(), crop, rows.stop - rows.start)
    # Otherwise several workers would ask each other at every step whether there is a next batch.
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def evaluation_windows(
    dataset: Dataset,
    split: str,
    *,
    window_steps: int,
    left_context: int,
    right_context: int = 0,
    alignment: int = 1,
    batch_size: int,
    to_ids: ToIds | None = None,
    max_steps: int | None = None,
    within_sources: bool = False,
    slice_index: int = 0,
    num_slices: int = 1,
) -> tf.data.Dataset:
    """Windows over a whole split, in which every step of every source is counted exactly once.

    Each window sees at least `left_context` steps before what it counts and `right_context` after
    it; before the first step of a source there are none, after the last there is padding. Windows
    start at multiples of `alignment`.

    Args:
      dataset: audio or codes.
      split: to go through.
      window_steps: steps in a window.
      left_context: steps before the counted ones that a model needs to see.
      right_context: steps after them.
      alignment: for autoencoders, their hop: windows then start where codes do.
      batch_size: windows in the global batch; the last one is filled up with empty rows.
      to_ids: from stored steps to ids; `default_to_ids` if None.
      max_steps: count about this number of steps at most, in windows spread evenly; all if None.
      within_sources: leave out windows that reach past the end of their source.
      slice_index: which slice of each global batch to yield.
      num_slices: slices of a global batch.

    Returns:
      Batches of `ids` int32 and `weights` float32 `[batch_size / num_slices, window_steps]`, and
      `source` and `start` int64 `[batch_size / num_slices]`. Weights are 1 where a step counts
      and 0 in context and padding.

    Raises:
      ValueError: if the contexts leave nothing of a window to count.
    """
    rows = _slice_of(batch_size, slice_index, num_slices)
    table = evaluation_table(
        dataset.index(split).lengths,
        window_steps=window_steps,
        left_context=left_context,
        right_context=right_context,
        alignment=alignment,
        batch_size=batch_size,
        max_steps=max_steps,
        within_sources=within_sources,
    )
    table = {k: v.reshape(-1, batch_size)[:, rows].reshape(-1) for k, v in table.items()}
    read_row = _row_reader(dataset, split, window_steps, to_ids)

    def window(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        place = row["start"] + tf.range(window_steps, dtype=tf.int64)
        counted = (place >= row["count_from"]) & (place < row["count_to"])
        return {
            "ids": read_row(row["source"], row["start"]),
            "weights": tf.cast(counted, tf.float32),
            "source": row["source"],
            "start": row["start"],
        }

    windows = tf.data.Dataset.from_tensor_slices(table)
    return _assembled(windows, window, rows.stop - rows.start)


def read_batches(batches: Iterable[T], dataset: Dataset, split: str) -> Iterator[T]:
    """Goes through batches of a dataset's split, distributed or not.

    Raises:
      DatasetError: naming the shard that is damaged or gone.
    """
    try:
        yield from batches
    except READ_ERRORS as error:
        if "Collective" in str(error):
            raise  # another worker is gone, and the data are innocent
        raise read_error(error, dataset.directory, dataset.index(split).shard_paths) from error


def _slice_of(batch_size: int, slice_index: int, num_slices: int) -> slice:
    if num_slices < 1 or batch_size < 1 or batch_size % num_slices:
        raise ValueError(
            f"a batch of {batch_size} does not divide into {num_slices} slices; use a multiple"
        )
    if not 0 <= slice_index < num_slices:
        raise ValueError(f"slice_index {slice_index} is not in 0 .. {num_slices - 1}")
    size = batch_size // num_slices
    return slice(slice_index * size, (slice_index + 1) * size)


def _row_reader(
    dataset: Dataset, split: str, row_steps: int, to_ids: ToIds | None
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function from (source, start) to ids `[row_steps]`, padded after the source's end."""
    to_ids = to_ids or default_to_ids(dataset)
    spec, index = dataset.spec, dataset.index(split)
    size = spec.record_steps
    lengths = tf.constant(index.lengths)
    first_records = tf.constant(index.first_records)
    shards, offsets = tf.constant(index.shard), tf.constant(index.offset)
    starts, paths = tf.constant(index.start), tf.constant(index.shard_paths)

    def read_row(source: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        length = tf.minimum(lengths[source] - start, row_steps)
        record = first_records[source] + start // size
        num_records = (start % size + length - 1) // size + 1
        if index.remote is not None:
            record = index.remote.checked(record, num_records)
        steps = read_steps(
            paths[shards[record]],
            offsets[record],
            num_records,
            starts[record],
            start % size,
            length,
            record_steps=size,
            dtype=spec.dtype,
            num_classes=spec.num_classes,
        )
        # Zero is silence in PCM and code 0 in codes.
        padding = tf.zeros([row_steps - length], steps.dtype)
        return tf.ensure_shape(to_ids(tf.concat([steps, padding], 0)), [row_steps])

    return read_row


def _assembled(rows: tf.data.Dataset, make_row: Callable, rows_per_batch: int) -> tf.data.Dataset:
    batches = rows.map(make_row, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = batches.batch(rows_per_batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = True
    # Slices are explicit here; tf.distribute must not shard a second time.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options)
