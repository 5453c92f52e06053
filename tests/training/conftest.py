"""Small datasets of codes, made once."""

import numpy as np
import pytest

from ada.data.assembly import assemble, pieces_of_part, whole_source
from ada.data.parts import part_path, write_part


def write_codes(directory, splits, num_classes, hop_length=64):
    """A codes dataset from {split: [int arrays]}."""
    pieces = []
    for split, arrays in splits.items():
        for i, array in enumerate(arrays):
            name = f"{split}{i}"
            path = part_path(str(directory), name)
            written = write_part(path, name, [(0, array)], record_steps=2048, dtype="uint8")
            pieces += pieces_of_part(split, path, written, [whole_source(w) for w in written])
    assemble(
        str(directory),
        pieces,
        kind="codes",
        sample_rate=16000,
        hop_length=hop_length,
        num_classes=num_classes,
        dtype="uint8",
        record_steps=2048,
        split_method="given",
        upstream={"digest": "made-up"},
    )
    return str(directory)


def markov_source(length, seed):
    """An order-2 Markov source over 4 ids, and its entropy rate in bits.

    The next id is (a + 2 b + 1) mod 4 with probability 0.7, where a and b are the last two, and
    each of the others with probability 0.1.
    """
    rng = np.random.default_rng(seed)
    noise = rng.choice(4, size=length, p=[0.7, 0.1, 0.1, 0.1])
    ids = np.zeros(length, np.int64)
    for t in range(2, length):
        ids[t] = (ids[t - 1] + 2 * ids[t - 2] + 1 + noise[t]) % 4
    rate = -(0.7 * np.log2(0.7) + 0.3 * np.log2(0.1))
    return ids, rate


@pytest.fixture(scope="session")
def markov_dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("markov") / "data"
    lengths = {"train": 60000, "validation": 20000, "test": 3000}
    splits = {
        split: [markov_source(length, seed)[0]]
        for seed, (split, length) in enumerate(lengths.items())
    }
    return write_codes(directory, splits, 4)
