"""Datasets without the sources that are others once more, shifted (`SourceSpec.offset`)."""

import dataclasses

import numpy as np

from ada.data.dataset import Dataset, SplitIndex
from ada.data.spec import DatasetSpec, SplitSpec, split_spec


def unshifted(dataset: Dataset) -> Dataset:
    """The sources of offset 0 alone, so that all audio counts once.

    Args:
      dataset: any; one without shifted sources is returned as it is.
    """
    spec = dataset.spec
    shifted = {name: split for name, split in spec.splits.items() if split.num_offsets > 1}
    if not shifted:
        return dataset
    splits = spec.splits | {name: _unshifted_split(spec, split) for name, split in shifted.items()}
    index = {name: dataset.index(name) for name in splits}
    index |= {name: _unshifted_index(index[name], split) for name, split in shifted.items()}
    return Dataset(dataset.directory, dataclasses.replace(spec, splits=splits), index)


def _unshifted_split(spec: DatasetSpec, split: SplitSpec) -> SplitSpec:
    return split_spec(
        (source for source in split.sources if not source.offset),
        split.shards,
        record_steps=spec.record_steps,
        step_rate=spec.step_rate,
    )


def _unshifted_index(index: SplitIndex, split: SplitSpec) -> SplitIndex:
    kept = np.array([not source.offset for source in split.sources])
    records = kept[index.source]
    remote = index.remote and index.remote.of(records)
    numbers = (np.cumsum(kept) - 1)[index.source[records]]
    return SplitIndex(
        shard_paths=index.shard_paths,
        shard=index.shard[records],
        offset=index.offset[records],
        source=numbers,
        start=index.start[records],
        steps=index.steps[records],
        lengths=index.lengths[kept],
        first_records=np.searchsorted(numbers, np.arange(np.count_nonzero(kept))),
        remote=remote,
    )
