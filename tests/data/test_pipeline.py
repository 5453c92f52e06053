import numpy as np
import pytest
import tensorflow as tf

from ada.audio import from_pcm16, mu_law_encode, uniform_encode
from ada.data import audio_to_ids, training_batches

ARGUMENTS = {"batch_size": 6, "crop_steps": 250, "seed": 7}


def take(dataset, n):
    return [{k: v.numpy() for k, v in batch.items()} for batch in dataset.take(n)]


def assert_equal(a, b):
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_shapes_and_types(codes):
    batch = take(training_batches(codes[0], **ARGUMENTS), 1)[0]
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
        "ids": ((6, 250), np.int32),
        "weights": ((6, 250), np.float32),
    }
    spec = training_batches(codes[0], **ARGUMENTS).element_spec
    assert spec["ids"] == tf.TensorSpec([6, 250], tf.int32)
    assert spec["weights"] == tf.TensorSpec([6, 250], tf.float32)


def test_batch_depends_on_seed_and_step_only(codes):
    dataset, _ = codes
    whole = take(training_batches(dataset, **ARGUMENTS), 12)
    assert_equal(whole, take(training_batches(dataset, **ARGUMENTS), 12))
    for first in (1, 5, 11):
        later = take(training_batches(dataset, first_step=first, **ARGUMENTS), 12 - first)
        assert_equal(whole[first:], later)
    other = take(training_batches(dataset, **ARGUMENTS | {"seed": 8}), 12)
    assert any((a["ids"] != b["ids"]).any() for a, b in zip(whole, other, strict=True))
    assert any((whole[0]["ids"] != b["ids"]).any() for b in whole[1:])


def test_aligned_crops_begin_at_multiples(codes):
    dataset, sources = codes
    found = set()
    for batch in take(training_batches(dataset, **ARGUMENTS, alignment=8), 20):
        for ids, weights in zip(batch["ids"], batch["weights"], strict=True):
            row = ids[weights > 0]
            places = [
                start
                for source in sources["train"]
                for start in range(0, max(len(source) - 249, 1), 8)
                if np.array_equal(source[start : start + 250], row)
            ]
            assert len(places) == 1
            found.update(places)
    assert len(found) > 20


@pytest.mark.parametrize("num_slices", [2, 3, 6])
def test_slices_together_are_the_batch(codes, num_slices):
    whole = take(training_batches(codes[0], **ARGUMENTS), 8)
    slices = [
        take(
            training_batches(codes[0], slice_index=i, num_slices=num_slices, **ARGUMENTS),
            8,
        )
        for i in range(num_slices)
    ]
    joined = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for parts in zip(*slices, strict=True)
    ]
    assert_equal(whole, joined)


def test_weights_sum_to_one_and_spare_the_padding(codes):
    dataset, truth = codes
    batches = take(training_batches(dataset, **ARGUMENTS), 60)
    padded = 0
    for batch in batches:
        assert batch["weights"].sum() == pytest.approx(1, abs=1e-5)
        assert len(np.unique(batch["weights"][batch["weights"] > 0])) == 1
        for ids, weights in zip(batch["ids"], batch["weights"], strict=True):
            counted = int((weights > 0).sum())
            assert (weights[:counted] > 0).all() and (ids[counted:] == 0).all()
            assert counted in (250, 100, 30)
            padded += counted < 250
    assert padded


def test_crops_across_records_equal_the_source(codes):
    dataset, truth = codes
    found = set()
    for batch in take(training_batches(dataset, **ARGUMENTS), 40):
        for ids, weights in zip(batch["ids"], batch["weights"], strict=True):
            counted = int((weights > 0).sum())
            places = [
                (i, start)
                for i, steps in enumerate(truth["train"])
                for start in range(len(steps) - counted + 1)
                if min(len(steps), 250) == counted
                and (steps[start : start + counted] == ids[:counted]).all()
            ]
            assert len(places) == 1
            found |= set(places)
    # Crops of 250 steps in records of 100: starts at every place within a record.
    assert len({start % 100 for _, start in found}) > 60


def test_uniform_over_time(codes):
    """Sources in proportion to their length and, within one, every place alike."""
    dataset, truth = codes
    lengths = np.array([len(steps) for steps in truth["train"]])
    ends = np.cumsum(lengths)
    # Ids that say where they are: a position in 4-step cells would not fit uint8 codes, so the
    # draw is watched through crops of one step whose value is looked up by position instead.
    counts = np.zeros(ends[-1])
    positions = _positions_of_one_step_crops(dataset, truth, num_batches=40, batch_size=1000)
    np.add.at(counts, positions, 1)
    cells = np.add.reduceat(counts, np.arange(0, ends[-1], 27))
    sizes = np.diff([*np.arange(0, ends[-1], 27), ends[-1]])
    expected = counts.sum() * sizes / sizes.sum()
    chi_square = ((cells - expected) ** 2 / expected).sum()
    freedom = len(cells) - 1
    assert abs(chi_square - freedom) < 4 * np.sqrt(2 * freedom)


def _positions_of_one_step_crops(dataset, truth, num_batches, batch_size):
    """Reads the draws themselves: `to_ids` would see values, not places."""
    from ada.data import pipeline

    seen = []

    def row_reader(dataset, split, row_steps, to_ids):
        starts = tf.constant(np.cumsum([0] + [len(s) for s in truth[split]])[:-1])
        return lambda source, start: tf.cast(starts[source] + start, tf.int32)[tf.newaxis]

    original, pipeline._row_reader = pipeline._row_reader, row_reader
    try:
        batches = training_batches(dataset, batch_size=batch_size, crop_steps=1, seed=3)
        for batch in batches.take(num_batches):
            seen.append(batch["ids"].numpy()[:, 0])
    finally:
        pipeline._row_reader = original
    return np.concatenate(seen)


def test_every_start_of_a_crop_is_alike(make_dataset):
    dataset, truth = make_dataset({"train": [300], "validation": [9], "test": [9]})
    windows = np.lib.stride_tricks.sliding_window_view(truth["train"][0], 250)
    to_ids = lambda x: tf.cast(x, tf.int32)  # noqa: E731
    batches = training_batches(dataset, batch_size=100, crop_steps=250, seed=0, to_ids=to_ids)
    counts = np.zeros(len(windows))
    for batch in take(batches, 51):
        for ids in batch["ids"]:
            counts[(windows == ids).all(axis=1)] += 1
    assert counts.sum() == 5100
    chi_square = ((counts - 100) ** 2 / 100).sum()
    assert abs(chi_square - 50) < 4 * np.sqrt(100)


def test_audio_ids_are_the_companding_of_every_value():
    pcm = np.arange(-32768, 32768).astype(np.int16)
    for name, encode in (("mu_law", mu_law_encode), ("uniform", uniform_encode)):
        for num_classes in (256, 1024):
            ids = audio_to_ids(num_classes, name)(tf.constant(pcm)).numpy()
            assert ids.dtype == np.int32
            np.testing.assert_array_equal(ids, encode(from_pcm16(pcm), num_classes))


def test_audio_is_padded_with_silence(make_dataset):
    dataset, truth = make_dataset({"train": [120], "validation": [9], "test": [9]})
    batch = take(training_batches(dataset, batch_size=2, crop_steps=300, seed=0), 1)[0]
    pcm = np.concatenate([truth["train"][0], np.zeros(180)]).astype(np.int16)
    expected = mu_law_encode(from_pcm16(pcm), 256)
    np.testing.assert_array_equal(batch["ids"], np.stack([expected] * 2))
    np.testing.assert_array_equal(batch["weights"][0] > 0, np.arange(300) < 120)


def test_wrong_arguments(codes):
    dataset, _ = codes
    with pytest.raises(ValueError, match="a batch of 6 does not divide into 4 slices"):
        training_batches(dataset, **ARGUMENTS, num_slices=4)
    with pytest.raises(ValueError, match="slice_index 2 is not in 0 .. 1"):
        training_batches(dataset, **ARGUMENTS, num_slices=2, slice_index=2)
    with pytest.raises(ValueError, match="must be at least 1"):
        training_batches(dataset, **ARGUMENTS | {"crop_steps": 0})
    with pytest.raises(ValueError, match="split must be one of"):
        training_batches(dataset, **ARGUMENTS, split="dev")
