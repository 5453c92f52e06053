"""Archives of arrays that lie about their sizes."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from ada.utils import npz


def archive(header, data, **kwargs):
    """An archive with one array whose header says something."""
    stream, member = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        member, {"descr": "<i8", "fortran_order": False, "shape": (3,)} | header
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("level0.npy", member.getvalue() + data)
    stream.seek(0)
    return stream


def test_arrays_written_by_numpy_are_read():
    stream = io.BytesIO()
    arrays = {"a": np.arange(12, dtype=np.uint16).reshape(3, 4), "b": np.zeros((0, 2), np.int32)}
    np.savez_compressed(stream, **arrays)
    found = npz.load(stream)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"shape": (2**40,)}, bytes(24)),
        ({"shape": (2**62, 2**62)}, bytes(24)),
        ({"shape": (-3, -1)}, bytes(24)),
        ({"shape": (2,)}, bytes(24)),
        ({"descr": "|O"}, bytes(24)),
        ({"shape": (2**21,)}, bytes(2**24)),
    ],
)
def test_sizes_are_checked_before_memory_is_taken(header, data):
    stream = archive(header, data)
    tracemalloc.start()
    with pytest.raises(npz.NOT_NPZ):
        npz.load(stream, max_bytes=2**20)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
