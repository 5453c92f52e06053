"""Scoring in windows equals scoring whole sources; what codes are worth, by known answers."""

import numpy as np
import pytest
import tensorflow as tf
from support import write_codes

from ada.data import Dataset, codes_to_ids
from ada.evaluation import SplitScorer
from ada.evaluation.codes import code_entropies, num_turns, rolled_codes_cost
from ada.evaluation.likelihood import context_in_hops

# Among them ends at every place of a window.
LENGTHS = (3001, 700, 344, 348, 352, 356, 360, 364, 365, 40)


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 7, length) for length in LENGTHS]


@pytest.fixture(scope="module")
def dataset(sources, tmp_path_factory):
    directory = tmp_path_factory.mktemp("scored") / "data"
    splits = {"train": sources[:1], "validation": sources, "test": sources[:1]}
    return Dataset.open(write_codes(directory, splits, 7))


def whole_sources_bits(model, sources):
    """Mean -log2 p over sources, each scored at once, code 0 ("silence") after its end."""
    _, ahead = context_in_hops(model)
    hop = getattr(model, "hop_length", 1)
    total = 0.0
    for ids in sources:
        padding = ahead + hop + -len(ids) % hop
        padded = np.pad(ids, (0, padding)).astype(np.int32)[np.newaxis]
        total -= float(tf.reduce_sum(model.log_prob(padded)[0, : len(ids)]))
    return total / np.log(2) / sum(map(len, sources))


@pytest.mark.parametrize("batch_steps", [1, 20000])
def test_a_wavenet(batch_steps, dataset, sources, make_wavenet):
    model = make_wavenet(2, 5, 3)
    scorer = SplitScorer(model, dataset, codes_to_ids(), batch_steps=batch_steps)
    scores = scorer()
    assert scores["bits"] == pytest.approx(whole_sources_bits(model, sources), rel=1e-5)
    alone = [whole_sources_bits(model, [ids]) for ids in sources]
    assert scores["source_bits"] == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("upsample", [False, True])
def test_an_autoencoder(upsample, dataset, sources, make_autoencoder, monkeypatch):
    # Windows so small that the longest source takes many of them.
    monkeypatch.setattr("ada.evaluation.likelihood.LEAST_COUNTED_STEPS", 64)
    model = make_autoencoder(upsample=upsample)
    scorer = SplitScorer(model, dataset, codes_to_ids(), batch_steps=2000, jit_compile=False)
    result = scorer()
    assert result["bits"] == pytest.approx(whole_sources_bits(model, sources), rel=1e-5)
    alone = [whole_sources_bits(model, [ids]) for ids in sources]
    assert result["source_bits"] == pytest.approx(alone, rel=1e-5)
    # Sources end within a hop: the part of a code that they fill is what counts.
    assert result["usage"].sum() == pytest.approx(1.0)
    assert 1.0 <= result["perplexity"] <= result["used_codes"] <= 8


def test_codes_that_nothing_reads_cost_nothing_to_exchange(dataset, make_autoencoder):
    model = make_autoencoder()
    alive = rolled_codes_cost(model, dataset, codes_to_ids(), counted_steps=128)
    assert abs(alive["rolled_codes_cost_bits"]) > 1e-3
    assert alive["rolled_codes_cost_bits"] == pytest.approx(
        alive["rolled_codes_bits"] - alive["own_codes_bits"]
    )
    kernel = model.local_model.condition.kernel
    before = kernel.numpy()
    kernel.assign(np.zeros_like(before))
    try:
        dead = rolled_codes_cost(model, dataset, codes_to_ids(), counted_steps=128)
    finally:
        kernel.assign(before)
    assert abs(dead["rolled_codes_cost_bits"]) < 1e-6


def test_codes_of_padding_are_not_exchanged(make_autoencoder, tmp_path):
    ids = np.random.default_rng(3).integers(0, 7, 400)
    few = [ids, *[ids[:120]] * 20]
    splits = {"train": [ids], "validation": few, "test": [ids]}
    dataset = Dataset.open(write_codes(tmp_path / "codes", splits, 7))
    model = make_autoencoder()
    found = rolled_codes_cost(model, dataset, codes_to_ids())
    assert found["own_codes_bits"] > 0
    splits["validation"] = [ids[:6]]
    short = Dataset.open(write_codes(tmp_path / "short", splits, 7))
    assert set(rolled_codes_cost(model, short, codes_to_ids()).values()) == {None}


def test_entropies_of_codes_whose_entropies_are_known(tmp_path):
    """A chain of four states that stays with probability 0.7, else goes to one of the others."""
    rng = np.random.default_rng(0)

    def chain(steps):
        jumps = np.where(rng.random(steps) < 0.7, 0, rng.integers(1, 4, steps))
        return np.cumsum(jumps) % 4

    splits = {
        "train": [chain(40000)],
        "validation": [chain(20000), chain(20000)],
        "test": [chain(9)],
    }
    dataset = Dataset.open(write_codes(tmp_path / "codes", splits, 6))
    rate = -0.7 * np.log2(0.7) - 0.3 * np.log2(0.1)
    found = code_entropies(dataset)
    assert found["unigram_bits"] == pytest.approx(2.0, abs=0.02)
    assert found["bigram_bits"] == pytest.approx(rate, abs=0.02)
    assert found["uniform_bits"] == pytest.approx(np.log2(6))


def test_codes_that_were_never_seen_cost_a_finite_number_of_bits(tmp_path):
    splits = {"train": [np.zeros(50, int)], "validation": [np.arange(6)], "test": [np.arange(6)]}
    dataset = Dataset.open(write_codes(tmp_path / "codes", splits, 6))
    found = code_entropies(dataset)
    assert 2.0 < found["unigram_bits"] < 10.0
    assert 2.0 < found["bigram_bits"] < 10.0


def test_codes_that_take_turns_cost_no_bits_for_their_turn(tmp_path):
    """Uniform over 4 codes a turn: 2 bits each, not 4, however few there are."""
    rng = np.random.default_rng(0)

    def codes(steps):
        return rng.integers(0, 4, steps) + 4 * (np.arange(steps) % 4)

    def found(steps):
        splits = {name: [codes(steps)] for name in ("train", "validation", "test")}
        return code_entropies(Dataset.open(write_codes(tmp_path / str(steps), splits, 16)))

    many = found(40000)
    assert many["unigram_bits"] == pytest.approx(2.0, abs=0.01)
    assert many["bigram_bits"] == pytest.approx(2.0, abs=0.01)
    assert many["uniform_bits"] == found(30)["uniform_bits"] == 2.0
    assert found(30)["unigram_bits"] <= 2.0


def test_turns_are_found_only_where_all_codes_take_them():
    in_turn = np.array([0, 5, 10, 15, 3, 4, 8])
    assert num_turns([in_turn, in_turn[:2]], 16) == 4
    assert num_turns([in_turn, np.array([5, 0])], 16) == 1
    assert num_turns([in_turn], 17) == 1
    assert num_turns([np.zeros(50, int)], 16) == 1
    assert num_turns([np.zeros(1, int)], 16) == 1
    assert num_turns([], 16) == 1
