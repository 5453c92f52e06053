"""Audio in memory as a dataset, for benchmarks."""

from collections.abc import Mapping, Sequence

import numpy as np

from ada.data import Dataset
from ada.preparation.assembly import assemble, pieces_of_part, whole_source
from ada.preparation.parts import part_path, write_part

SAMPLE_RATE = 16000


def write_audio(directory: str, splits: Mapping[str, Sequence[np.ndarray]]) -> Dataset:
    """Writes 16-bit audio, a source for each array `[samples]` of each split."""
    pieces = []
    for split, sources in splits.items():
        for number, audio in enumerate(sources):
            name = f"{split}{number}"
            path = part_path(directory, name)
            written = write_part(path, name, [(0, audio)], record_steps=16384, dtype="int16")
            pieces += pieces_of_part(split, path, written, [whole_source(s) for s in written])
    assemble(
        directory,
        pieces,
        kind="audio",
        sample_rate=SAMPLE_RATE,
        hop_length=1,
        num_classes=None,
        dtype="int16",
        record_steps=16384,
        split_method="by hand",
    )
    return Dataset.open(directory)
