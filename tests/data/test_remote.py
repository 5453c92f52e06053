"""Datasets and audio behind a scheme: TensorFlow's file system in memory stands for `gs://`."""

import numpy as np
import pytest
import tensorflow as tf
from support import write_codes

from ada.cli.commands import _is_of_the_system, _message_of
from ada.data import (
    SPLITS,
    Dataset,
    DatasetError,
    evaluation_windows,
    read_batches,
    training_batches,
)
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs.run import Run
from ada.utils.errors import UserError
from ada.utils.files import join, require_local


def files_of(directory):
    """All files of a remote directory, as `conftest.files_of`."""
    import json

    found = {}
    for name in tf.io.gfile.listdir(directory):
        with tf.io.gfile.GFile(join(directory, name), "rb") as file:
            found[name] = file.read()
    spec = json.loads(found["dataset.json"])
    del spec["preparation"], spec["options"]
    return found | {"dataset.json": spec}


def prepared(source, output, overwrite=False):
    options = AudioOptions(inputs=(source,), record_steps=4000, num_shards=2)
    return prepare(output, options, overwrite=overwrite)


@pytest.fixture(params=["ram", "file"])
def remote(request, tmp_path):
    """A directory with a scheme, new for every test."""
    if request.param == "file":
        yield f"file://{tmp_path}/remote"
        return
    directory = f"ram://{tmp_path.name}"
    yield directory
    tf.io.gfile.rmtree(directory)


@pytest.fixture
def music(remote, tmp_path, write_audio):
    """The same four files here and there, and a text: (local, remote)."""
    for i in range(4):
        path = write_audio(tmp_path / f"in/x/{i}.wav", 1 + i / 3, rate=22050, seed=i)
        tf.io.gfile.makedirs(f"{remote}/in/x")
        with tf.io.gfile.GFile(f"{remote}/in/x/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    with tf.io.gfile.GFile(f"{remote}/in/notes.wav", "wb") as file:
        file.write(b"no music")
    (tmp_path / "in/notes.wav").write_bytes(b"no music")
    return str(tmp_path / "in"), f"{remote}/in"


def test_remote_dataset_equals_local_one(music, remote, tmp_path):
    here, there = music
    prepared(here, str(tmp_path / "out"))
    expected = files_of(str(tmp_path / "out"))
    for number, source in enumerate((here, there, f"{there}/**/*", f"{there}/*,{there}/x/?.wav")):
        out = f"{remote}/out{number}/"
        options = AudioOptions(inputs=tuple(source.split(",")), record_steps=4000, num_shards=2)
        prepare(out, options)
        assert files_of(out) == expected
        again = prepare(out, options)  # is complete already
        assert again == Dataset.open(out).spec
    prepared(there, f"{remote}/out0", overwrite=True)
    assert files_of(f"{remote}/out0") == expected


def test_remote_dataset_is_read_like_a_local_one(music, remote, tmp_path):
    here, there = music
    prepared(here, str(tmp_path / "out"))
    prepared(there, f"{remote}/out")
    local, distant = Dataset.open(str(tmp_path / "out")), Dataset.open(f"{remote}/out")
    for split in SPLITS:
        for i, source in enumerate(local.sources(split)):
            np.testing.assert_array_equal(distant.read(split, i), local.read(split, i))
            start = source.num_steps // 3
            np.testing.assert_array_equal(
                distant.read(split, i, start, 5000), local.read(split, i, start, 5000)
            )
    options = {"batch_size": 3, "crop_steps": 6000, "seed": 1}
    batches = [training_batches(d, **options).take(3) for d in (local, distant)]
    windows = [
        evaluation_windows(d, "validation", window_steps=5000, left_context=100, batch_size=2)
        for d in (local, distant)
    ]
    for pair in (batches, windows):
        for one, other in zip(*pair, strict=True):
            np.testing.assert_array_equal(one["ids"], other["ids"])


def test_interrupted_job_resumes(music, remote):
    there = music[1]

    def two(jobs):
        for job in jobs[:2]:
            job.run()
        raise KeyboardInterrupt

    options = AudioOptions(inputs=(there,), record_steps=4000)
    with pytest.raises(KeyboardInterrupt):
        prepare(f"{remote}/out", options, run_jobs=two)
    with pytest.raises(DatasetError, match="its preparation was interrupted"):
        Dataset.open(f"{remote}/out")
    missing = []
    prepare(f"{remote}/out", options, run_jobs=lambda jobs: missing.extend(jobs) or two_more(jobs))
    assert len(missing) == 3  # two files, and the text that is none


def two_more(jobs):
    for job in jobs:
        job.run()


def test_damage_there_is_named(music, remote):
    prepared(music[1], f"{remote}/out")
    [name] = [n for n in tf.io.gfile.listdir(f"{remote}/out") if n.startswith("test")]
    path = f"{remote}/out/{name}"
    with tf.io.gfile.GFile(path, "rb") as file:
        content = bytearray(file.read())
    content[100] ^= 1
    tf.io.gfile.remove(path)  # written over, a file of this file system would become longer
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(bytes(content))
    with pytest.raises(DatasetError, match=f"Damaged.*{name}"):
        Dataset.open(f"{remote}/out").read("test", 0)
    tf.io.gfile.remove(path)
    with pytest.raises(DatasetError, match=f"lacks {name}"):
        Dataset.open(f"{remote}/out")
    with pytest.raises(DatasetError, match="There is no directory"):
        Dataset.open(f"{remote}/nowhere")
    with pytest.raises(DatasetError, match="No file matches"):
        prepared(f"{remote}/nowhere/*", f"{remote}/new")


@pytest.mark.parametrize(("claim", "record"), [(2**43, 0), (2**64 - 9, 2), ("one more", 1)])
def test_lengths_that_records_claim_are_checked_before_memory_is_taken(remote, claim, record):
    """Wherever the record is; with the checksum that TensorFlow asks for."""
    steps = np.arange(9000) % 200
    out = f"{remote}/out"
    tf.io.gfile.makedirs(out)
    write_codes(out, dict.fromkeys(SPLITS, [steps, steps]), 200)
    dataset = Dataset.open(out)
    np.testing.assert_array_equal(dataset.read("train", 1, 5000, 3000), steps[5000:8000])
    path = dataset.index("train").shard_paths[0].decode()
    with tf.io.gfile.GFile(path, "rb") as file:
        content = bytearray(file.read())
    place = int(dataset.index("train").offset[record])
    before = int.from_bytes(content[place : place + 8], "little")
    length = (before + 1 if claim == "one more" else claim).to_bytes(8, "little")
    content[place : place + 12] = length + masked_crc(length)
    tf.io.gfile.remove(path)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(bytes(content))
    dataset = Dataset.open(out)
    said = f"Damaged or foreign record in {path} at byte {place}: its length"
    with pytest.raises(DatasetError, match=said) as error:
        dataset.read("train", 0)
    assert str(error.value).count("Copy or prepare") == 1
    batches = training_batches(dataset, batch_size=2, crop_steps=8000, seed=0)
    with pytest.raises(DatasetError, match=said):
        [*read_batches(batches.take(20), dataset, "train")]


def masked_crc(data):
    """CRC-32C as TFRecords have it, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def test_a_scheme_that_nobody_knows_is_one_line(tmp_path):
    for attempt in (
        lambda: Dataset.open("foo://bucket/data"),
        lambda: prepared("foo://bucket/in", str(tmp_path / "out")),
        lambda: prepared(str(tmp_path), "foo://bucket/out"),
    ):
        with pytest.raises(tf.errors.UnimplementedError) as error:
            attempt()
        assert _is_of_the_system(error.value)
        assert _message_of(error.value).startswith("File system scheme 'foo' not implemented")


@pytest.mark.parametrize("path", ["gs://bucket/run", "s3:/bucket/run", "ram://run"])
def test_run_directories_are_local(path, tmp_path, monkeypatch, make_wavenet):
    monkeypatch.chdir(tmp_path)
    for attempt in (
        lambda: Run.exists(path),
        lambda: Run.open(path),
        lambda: Run.create(path, None, None, make_wavenet(), ""),
        lambda: require_local(path),
    ):
        with pytest.raises(UserError, match=f"{path}: only datasets.*name a directory on a local"):
            attempt()
    assert not list(tmp_path.iterdir())
    for local in (str(tmp_path), "runs/a", "a:b/c", "C:/runs", "x/gs://y"):
        require_local(local)
