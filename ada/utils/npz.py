"""NumPy's archives of arrays, from strangers: their sizes are checked before memory is taken."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

# Exceptions of NumPy for files that are missing, empty, damaged or of another kind.
NOT_NPZ = (
    *(OSError, EOFError, ValueError, TypeError, AttributeError, NotImplementedError),
    *(RuntimeError, MemoryError, OverflowError, zipfile.BadZipFile),
)
# No set of clips has codes of more.
MAX_BYTES = 2**32
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load(file: str | Path | BinaryIO, max_bytes: int = MAX_BYTES) -> Mapping[str, np.ndarray]:
    """All arrays of an archive, by name.

    Args:
      file: path, or an open file.
      max_bytes: of all arrays together.

    Raises:
      one of NOT_NPZ: if it is none, or an array is not as long as it says, or they are too large.
    """
    with zipfile.ZipFile(file) as archive:
        names = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        total = sum(_size(archive, info) for info in names)
        if total > max_bytes:
            raise ValueError(f"its arrays take {total:,} bytes, more than {max_bytes:,}")
        found = {}
        for info in names:
            with archive.open(info) as member:
                name = info.filename.removesuffix(".npy")
                found[name] = np.lib.format.read_array(member, allow_pickle=False)
        return found


def _size(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Bytes of an array; raises ValueError if the archive holds another number of them."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} is of an unknown version {version}")
        shape, _, dtype = _HEADERS[version](member)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or member.tell() + size != info.file_size:
            raise ValueError(f"{info.filename} says that it holds {list(shape)}, which it does not")
    return size
