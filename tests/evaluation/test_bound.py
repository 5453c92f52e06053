"""What is scored up to the ends of sources is what is extracted, so that the total is a bound.

With deterministic codes c(x), -log2 p(x) <= -log2 p(c) - log2 p(x | c) holds for the same c only.
"""

import numpy as np
import pytest
import tensorflow as tf
from support import write_codes

from ada.data import Dataset, codes_to_ids
from ada.evaluation import SplitScorer
from ada.extensions import GroupedVectorQuantizer
from ada.extraction.job import SourceEncoder
from ada.quantizers import VectorQuantizer


def dataset_of(tmp_path, name, sources, num_codes):
    splits = {"train": sources[:1], "validation": sources, "test": sources[:1]}
    return Dataset.open(write_codes(tmp_path / name, splits, num_codes))


def encoded(model, sources):
    """The codes of each source, as they are extracted."""
    encoder, codes = SourceEncoder(model, piece_steps=8), []
    for ids in sources:

        def read(start, length, ids=ids):
            return ids[start : start + length].astype(np.int32)

        codes.append(np.concatenate(list(encoder.blocks(read, len(ids)))))
    return codes


@pytest.mark.parametrize("kind", ["plain", "groups"])
def test_bits_are_those_of_the_extracted_codes(kind, make_autoencoder, tmp_path, monkeypatch):
    monkeypatch.setattr("ada.evaluation.likelihood.LEAST_COUNTED_STEPS", 16)
    quantizer = VectorQuantizer(8, 3) if kind == "plain" else GroupedVectorQuantizer(8, 3, 2)
    model = make_autoencoder(quantizer=quantizer)
    rng = np.random.default_rng(1)
    sources = [rng.integers(0, 7, length) for length in (1, 3, 70)]
    dataset = dataset_of(tmp_path, "ids", sources, 7)
    scorer = SplitScorer(model, dataset, codes_to_ids(), jit_compile=False, exact_ends=True)
    found = scorer()
    expected, used = [], np.zeros(8)
    for ids, codes in zip(sources, encoded(model, sources), strict=True):
        nats = model.log_prob(ids[np.newaxis].astype(np.int32), codes[np.newaxis])
        expected.append(-float(tf.reduce_mean(nats)) / np.log(2))
        used += np.bincount(np.repeat(codes, 4)[: len(ids)], minlength=8)
    assert found["source_bits"] == pytest.approx(expected, rel=1e-5)
    assert found["usage"] == pytest.approx(used / used.sum(), abs=1e-6)
    assert scorer.num_steps == sum(map(len, sources))
    # Filled up with code 0 instead, some source has other codes at its end.
    loose = SplitScorer(model, dataset, codes_to_ids(), jit_compile=False)()
    assert loose["source_bits"] != pytest.approx(expected, rel=1e-3)
