"""Damaged and foreign datasets: an error of one line, or what was written; never other steps."""

import hashlib
import io
import json
import pickle
from pathlib import Path

import fuzzing
import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from ada.data import SPLITS, Dataset, DatasetError, read_batches, training_batches
from ada.data.spec import DTYPES
from ada.preparation.assembly import assemble, pieces_of_part, whole_source
from ada.preparation.parts import PartSummary, load_summary, part_path, save_summary, write_part
from ada.utils.errors import UserError

LENGTHS = {"train": [250, 30], "validation": [130], "test": [10]}
SHARD = "train-00000-of-00001.tfrecord"


def everything(directory):
    """All steps of a dataset, by source."""
    dataset = Dataset.open(str(directory))
    return {
        (split, i): dataset.read(split, i)
        for split in SPLITS
        for i in range(len(dataset.sources(split)))
    }


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def fails(directory, match=None):
    with pytest.raises(UserError, match=match) as error:
        everything(directory)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.fixture
def small(make_dataset):
    """A small dataset of codes; its directory."""
    return Path(make_dataset(LENGTHS, kind="codes", num_classes=200)[0].directory)


@fuzzing.settings
@hypothesis.given(st.data())
def test_steps_come_back_whatever_the_sizes(tmp_path_factory, data):
    directory = str(tmp_path_factory.mktemp("sizes"))
    kind = data.draw(st.sampled_from(["audio", "codes"]))
    dtype = data.draw(st.sampled_from(DTYPES[kind]))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    low = 0 if kind == "codes" else low
    record_steps = data.draw(st.sampled_from([1, 7, 40]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pieces, truth = [], {}
    for split in SPLITS:
        lengths = data.draw(st.lists(st.integers(1, 100), min_size=1, max_size=3))
        for i, length in enumerate(lengths):
            steps = rng.integers(low, high, length, endpoint=True)
            name = data.draw(st.text(max_size=3)) + f"{split}{i:02d}"
            path = part_path(directory, name)
            cuts = data.draw(st.lists(st.integers(0, length), max_size=3))
            blocks = [(0, block) for block in np.split(steps, sorted(cuts))]
            written = write_part(path, name, blocks, record_steps=record_steps, dtype=dtype)
            pieces += pieces_of_part(split, path, written, [whole_source(s) for s in written])
            truth[split, name] = steps
    assemble(
        directory,
        pieces,
        num_shards=data.draw(st.integers(1, 4)),
        kind=kind,
        sample_rate=16000,
        hop_length=1 if kind == "audio" else 64,
        num_classes=None if kind == "audio" else high + 1,
        dtype=dtype,
        record_steps=record_steps,
        split_method="by hand",
    )
    dataset = Dataset.open(directory)
    for split in SPLITS:
        for i, source in enumerate(dataset.sources(split)):
            steps = truth.pop((split, source.name))
            np.testing.assert_array_equal(dataset.read(split, i), steps)
            start = data.draw(st.integers(0, len(steps)))
            length = data.draw(st.integers(0, len(steps) - start))
            part = dataset.read(split, i, start, length)
            np.testing.assert_array_equal(part, steps[start : start + length])
    assert not truth


@pytest.mark.parametrize("name", ["dataset.json", "index.npz", SHARD])
def test_a_changed_byte_is_noticed_wherever_it_is(small, name):
    expected, path = everything(small), small / name
    content = path.read_bytes()

    @fuzzing.settings
    @hypothesis.given(st.integers(0, len(content) - 1), st.integers(1, 255))
    def check(place, difference):
        changed = bytearray(content)
        changed[place] ^= difference
        path.write_bytes(changed)
        if name != "dataset.json":
            fails(small)
            return
        try:  # in a name or a version it changes no step
            assert same(everything(small), expected)
        except UserError as error:
            assert len(str(error).splitlines()) == 1

    check()


def test_a_changed_specification_is_refused_or_harmless(small):
    expected, path = everything(small), small / "dataset.json"
    spec = json.loads(path.read_text())

    @fuzzing.settings
    @hypothesis.given(fuzzing.changed(spec))
    def check(value):
        path.write_text(json.dumps(value))
        try:
            found = everything(small)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            return
        assert same(found, expected)

    check()
    for text in ("[" * 100_000, '{"kind": ' * 100_000, "9" * 5000):
        path.write_text(text)
        fails(small, "dataset.json cannot be used")


@fuzzing.settings
@hypothesis.given(st.data())
def test_a_changed_summary_does_not_describe_another_part(tmp_path, data):
    path = part_path(str(tmp_path), "a")
    written = write_part(path, "a", [(0, np.arange(25))], record_steps=10, dtype="uint8")
    summary = PartSummary(written, {"size": 3}, None, {"secs": 1.0})
    save_summary(path, summary)
    value = json.loads(Path(path + ".json").read_text())
    Path(path + ".json").write_text(json.dumps(data.draw(fuzzing.changed(value))))
    found = load_summary(path, {"size": 3})
    assert found is None or found.num_bytes == (summary.num_bytes if found.sources else 0)


def rewritten(path, make):
    """A shard of the same records' sizes, each made again from its own bytes."""
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            made = make(record)
            assert len(made) == len(record)
            writer.write(made)


def foreign(**features):
    """Makes a record of other features, filled up to the size asked for."""

    def make(record):
        given = {
            name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            if isinstance(value, int)
            else tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            for name, value in features.items()
        }
        for size in range(len(record)):
            filler = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(size)]))
            feature = given | {"filler": filler}
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            if example.ByteSize() == len(record):
                return example.SerializeToString()
        pytest.fail("no size fits")

    return make


@pytest.mark.parametrize(
    "make",
    [
        lambda record: bytes(len(record)),
        lambda record: record[::-1],
        foreign(audio=b"x"),
        foreign(start=0, num_steps=100),
        foreign(start=b"0", num_steps=100, steps=b"x"),
        foreign(start=0, num_steps=1, steps=b"x"),
        lambda record: record.replace(b"train/000", b"train/\xff\xff\xff").replace(b"\0", b"\xff"),
    ],
    ids=["zeros", "reversed", "other", "no steps", "other types", "too few", "no such codes"],
)
def test_a_shard_of_another_schema_is_named(small, make):
    rewritten(small / SHARD, make)
    fails(small, SHARD)
    dataset = Dataset.open(str(small))
    batches = training_batches(dataset, batch_size=4, crop_steps=50, seed=0)
    with pytest.raises(DatasetError, match=SHARD):
        for _ in read_batches(batches.take(30), dataset, "train"):
            pass


def test_missing_cut_and_exchanged_shards_are_named(small):
    path = small / SHARD
    content = path.read_bytes()
    for size in (0, 1, 11, 12, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        fails(small, f"{SHARD} has {size} bytes")
    path.write_bytes(content[:-50] + bytes(50))  # as long, but its end was never written
    fails(small, f"Damaged or foreign record.*{SHARD}")
    path.unlink()
    fails(small, f"lacks {SHARD}")
    path.symlink_to(SHARD)
    fails(small, SHARD)


def index_of(directory, **replaced):
    """Replaces arrays of the index, checksum and size in `dataset.json` included."""
    with np.load(directory / "index.npz") as arrays:
        changed = dict(arrays) | replaced
    buffer = io.BytesIO()
    np.savez(buffer, **changed)
    (directory / "index.npz").write_bytes(buffer.getvalue())
    spec = json.loads((directory / "dataset.json").read_text())
    spec["index"]["num_bytes"] = len(buffer.getvalue())
    spec["index"]["sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    (directory / "dataset.json").write_text(json.dumps(spec))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("shard", 7, "leads out of the shards"),
        ("shard", -1, "leads out of the shards"),
        ("offset", -1, "leads out of the shards"),
        ("offset", 1, SHARD),
        ("offset", 2**62, SHARD),
        ("start", 10, "index does not fit the records"),
        ("source", 1, "does not fit dataset.json"),
    ],
)
def test_an_index_that_lies_is_refused(small, column, value, message):
    with np.load(small / "index.npz") as arrays:
        changed = np.full_like(arrays[f"train_{column}"], value)
    index_of(small, **{f"train_{column}": changed})
    fails(small, message)


def test_nothing_in_an_index_is_executed(small, tmp_path):
    mark = tmp_path / "executed"
    index_of(small, train_shard=np.array([fuzzing.Payload(mark)], object))
    with np.load(small / "index.npz", allow_pickle=True) as arrays:
        _ = arrays["train_shard"]
    assert mark.exists()  # so it would, if anything asked for it
    mark.unlink()
    fails(small, "index.npz cannot be used")
    content = pickle.dumps(fuzzing.Payload(mark))
    (small / "index.npz").write_bytes(content)
    spec = json.loads((small / "dataset.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    spec["index"] |= {"num_bytes": len(content), "sha256": digest}
    (small / "dataset.json").write_text(json.dumps(spec))
    fails(small, "index.npz cannot be used")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", ".", "", "a/b"])
def test_a_specification_cannot_lead_out_of_its_directory(small, name):
    for part in ("index", "shard"):
        spec = json.loads((small / "dataset.json").read_text())
        file = spec["index"] if part == "index" else spec["splits"]["train"]["shards"][0]
        file["name"] = name
        changed = small.with_name(f"{part}")
        changed.mkdir()
        (changed / "dataset.json").write_text(json.dumps(spec))
        fails(changed, "is not the name of a file")
