import numpy as np
import pytest
import tensorflow as tf

from ada.data.records import RecordWriter, encode_record
from ada.preparation.parts import load_summary, part_path, write_part


def test_sizes_and_fields_are_what_tensorflow_reads(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    writer = RecordWriter(path, record_steps=10, dtype="uint16")
    a, b = np.arange(25), np.arange(65500, 65536)
    for block in np.array_split(a, 7):
        writer.write("a", block)
    writer.write("b", b)
    writer.close()
    assert writer.num_steps == {"a": 25, "b": 36}
    assert [len(sizes) for sizes in writer.record_bytes.values()] == [3, 4]
    records = [tf.train.Example.FromString(r.numpy()) for r in tf.data.TFRecordDataset(path)]
    sizes = sum(writer.record_bytes.values(), [])
    assert sizes == [16 + r.ByteSize() for r in records]
    assert (tmp_path / "a.tfrecord").stat().st_size == sum(sizes)
    fields = [r.features.feature for r in records]
    assert [f["source"].bytes_list.value[0] for f in fields] == [b"a"] * 3 + [b"b"] * 4
    assert [f["start"].int64_list.value[0] for f in fields] == [0, 10, 20, 0, 10, 20, 30]
    assert [f["num_steps"].int64_list.value[0] for f in fields] == [10, 10, 5, 10, 10, 10, 6]
    raw = b"".join(f["steps"].bytes_list.value[0] for f in fields)
    np.testing.assert_array_equal(np.frombuffer(raw, "<u2"), np.concatenate([a, b]))


def test_blocks_do_not_matter(tmp_path):
    steps = np.random.default_rng(0).integers(-32768, 32768, 1003)
    found = []
    for i, size in enumerate((1, 10, 99, 1003)):
        path = str(tmp_path / f"{i}.tfrecord")
        blocks = ((0, steps[j : j + size]) for j in range(0, len(steps), size))
        write_part(path, "x", blocks, record_steps=100, dtype="int16")
        found.append((tmp_path / f"{i}.tfrecord").read_bytes())
    assert len(set(found)) == 1


def test_same_record_same_bytes():
    assert len({encode_record("x", 3, np.arange(9), "int16") for _ in range(20)}) == 1


def test_inputs_that_do_not_fit_are_refused(tmp_path):
    writer = RecordWriter(str(tmp_path / "a"), record_steps=10, dtype="uint8")
    with pytest.raises(ValueError, match=r"steps 0\.\.256 do not fit uint8"):
        writer.write("a", np.array([0, 256]))
    with pytest.raises(ValueError, match="must be integers"):
        writer.write("a", np.zeros(3))
    writer.write("a", np.zeros(3, int))
    writer.write("b", np.zeros(3, int))
    with pytest.raises(ValueError, match="'a' was ended before"):
        writer.write("a", np.zeros(3, int))


def test_segments_become_sources(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    blocks = [(2, np.arange(5)), (2, np.arange(5)), (3, np.arange(0)), (7, np.arange(4))]
    written = write_part(path, "x", blocks, record_steps=4, dtype="int32")
    assert [(s.name, s.segment, s.num_steps) for s in written] == [("x", 2, 10), ("x#1", 7, 4)]


def test_failed_part_leaves_nothing(tmp_path):
    def blocks():
        yield 0, np.arange(50)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_part(str(tmp_path / "p/a"), "x", blocks(), record_steps=4, dtype="int32")
    assert write_part(str(tmp_path / "p/b"), "x", [], record_steps=4, dtype="int32") == ()
    assert list((tmp_path / "p").iterdir()) == []


def test_summary_of_nothing_is_none(tmp_path):
    path = part_path(str(tmp_path), "song.wav")
    assert load_summary(path) is None
    write_part(path, "song.wav", [(0, np.arange(3))], record_steps=4, dtype="int32")
    assert load_summary(path) is None  # a part without a summary is not finished
