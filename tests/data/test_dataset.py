import json
import re
from pathlib import Path

import numpy as np
import pytest

from ada.data import SPLITS, Dataset, DatasetError, read_batches, training_batches

LENGTHS = {"train": [950, 30, 1200], "validation": [730], "test": [10]}


def test_reads_what_was_written(codes):
    dataset, truth = codes
    assert len(dataset.spec.splits["train"].shards) == 3
    for split in SPLITS:
        assert dataset.num_steps(split) == sum(map(len, truth[split]))
        assert len(dataset.sources(split)) == len(truth[split])
        for i, steps in enumerate(truth[split]):
            assert dataset.read(split, i).dtype == np.uint8
            np.testing.assert_array_equal(dataset.read(split, i), steps)


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (99, 2), (100, 100), (37, 500), (949, 1), (950, 0)]
)
def test_random_access(codes, start, length):
    dataset, truth = codes
    np.testing.assert_array_equal(
        dataset.read("train", 0, start, length), truth["train"][0][start : start + length]
    )


def test_outside_is_an_error(codes):
    dataset, _ = codes
    with pytest.raises(IndexError, match="steps 940 to 960 of 'train/000', which has 950"):
        dataset.read("train", 0, 940, 20)
    with pytest.raises(IndexError, match="source 5 of 5 in split 'train'"):
        dataset.read("train", 5)
    with pytest.raises(ValueError, match="split must be one of"):
        dataset.read("eval", 0)


def test_number_of_shards_changes_nothing_else(make_dataset):
    dataset, truth = make_dataset(LENGTHS, num_shards=1)
    assert [len(dataset.spec.splits[s].shards) for s in SPLITS] == [1, 1, 1]
    dataset, truth = make_dataset(LENGTHS, num_shards=50)
    assert [len(dataset.spec.splits[s].shards) for s in SPLITS] == [3, 1, 1]
    assert len(list(Path(dataset.directory).iterdir())) == 7  # nothing stale, no parts
    np.testing.assert_array_equal(dataset.read("train", 2), truth["train"][2])


def _open_error(directory):
    assert not Dataset.is_complete(directory)
    with pytest.raises(DatasetError) as error:
        Dataset.open(directory)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_missing_and_truncated_files(make_dataset):
    dataset, _ = make_dataset(LENGTHS)
    directory = Path(dataset.directory)
    assert Dataset.is_complete(directory)
    for name in ("validation-00000-of-00001.tfrecord", "index.npz"):
        whole = (directory / name).read_bytes()
        (directory / name).write_bytes(whole[:-7])
        message = _open_error(directory)
        assert name in message
        assert f"has {len(whole) - 7} bytes, but dataset.json says {len(whole)}" in message
        (directory / name).unlink()
        assert f"lacks {name}" in _open_error(directory)
        (directory / name).write_bytes(whole)
    (directory / "dataset.json").unlink()
    assert "is not a dataset: there is no dataset.json" in _open_error(directory)
    (directory / ".parts").mkdir()
    assert "its preparation was interrupted. Run the same command" in _open_error(directory)
    assert "There is no directory" in _open_error(directory / "nowhere")


def test_damaged_index(make_dataset):
    dataset, _ = make_dataset(LENGTHS)
    path = Path(dataset.directory) / "index.npz"
    good = path.read_bytes()
    path.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    assert "index.npz cannot be used" in _open_error(dataset.directory)
    path.write_bytes(bytes(len(good)))
    assert "index.npz cannot be used" in _open_error(dataset.directory)


@pytest.mark.parametrize("place", [3, 9, 60, 140, -2])
def test_flipped_byte_names_the_shard(make_dataset, place):
    dataset, _ = make_dataset(LENGTHS)
    path = Path(dataset.directory) / "train-00000-of-00001.tfrecord"
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 4
    path.write_bytes(damaged)
    if 0 <= place < 8:  # of the length of a record, which would be as much memory
        assert re.search(r"Damaged.*train-00000-of-00001\.tfrecord", _open_error(dataset.directory))
        return
    dataset = Dataset.open(dataset.directory)  # sizes fit: only reading can tell
    with pytest.raises(DatasetError, match=r"Damaged.*train-00000-of-00001\.tfrecord") as error:
        for i in range(3):
            dataset.read("train", i)
    assert len(str(error.value).splitlines()) == 1
    batches = training_batches(dataset, batch_size=8, crop_steps=300, seed=0)
    with pytest.raises(DatasetError, match=r"Damaged.*train-00000-of-00001\.tfrecord"):
        for _ in read_batches(batches.take(50), dataset, "train"):
            pass


@pytest.mark.parametrize("how", ["removed", "unreadable"])
def test_a_shard_that_is_gone_while_it_is_read_is_named(make_dataset, how):
    dataset, _ = make_dataset(LENGTHS)
    path = Path(dataset.directory) / "train-00000-of-00001.tfrecord"
    batches = read_batches(
        training_batches(dataset, batch_size=8, crop_steps=300, seed=0), dataset, "train"
    )
    next(batches)
    path.unlink()
    if how == "unreadable":
        path.mkdir()
    with pytest.raises(DatasetError, match=r"train-00000-of-00001\.tfrecord"):
        for _ in range(10000):
            next(batches)
    with pytest.raises(DatasetError, match=r"train-00000-of-00001\.tfrecord"):
        dataset.read("train", 0)


def test_index_of_another_dataset_is_noticed(make_dataset):
    dataset, _ = make_dataset(LENGTHS)
    index = dataset.index("train")
    index.start[:] += 100
    with pytest.raises(DatasetError, match="index does not fit the records"):
        dataset.read("train", 0)


@pytest.mark.parametrize("length", [2**40, 2**63 + 5, 0, 2**33])
@pytest.mark.parametrize("record", [0, 2, -1])
def test_records_that_claim_any_length_are_refused(make_dataset, length, record):
    """With the right checksum TensorFlow would believe it, and end the process."""
    dataset, _ = make_dataset(LENGTHS)
    path = Path(dataset.directory) / "train-00000-of-00001.tfrecord"
    content = bytearray(path.read_bytes())
    offset = int(dataset.index("train").offset[record])
    content[offset : offset + 8] = length.to_bytes(8, "little")
    path.write_bytes(content)
    assert f"tfrecord at byte {offset}: its length is not" in _open_error(dataset.directory)


def test_a_specification_that_claims_any_number_of_records_is_refused(make_dataset):
    dataset, _ = make_dataset(LENGTHS)
    path = Path(dataset.directory) / "dataset.json"
    spec = json.loads(path.read_text())
    for split in spec["splits"].values():
        split["num_records"] = 2**50
    path.write_text(json.dumps(spec))
    assert "the shards cannot hold" in _open_error(dataset.directory)
    spec = json.loads(dataset.spec.to_json())
    spec["splits"]["train"]["sources"][0]["num_steps"] += 2**50
    spec["splits"]["train"]["num_steps"] += 2**50
    path.write_text(json.dumps(spec))
    assert "does not fit dataset.json" in _open_error(dataset.directory)
