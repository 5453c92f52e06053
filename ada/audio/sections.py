"""A section of a file as a file of its own, and which sections of a file hold audio."""

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ada.audio.errors import AudioNote

# In a block, over all channels: a header may claim a thousand channels at a million Hz.
MAX_BLOCK_SAMPLES = 2**24


class Section(NamedTuple):
    """Bytes of a file that are a whole audio file by themselves.

    Attributes:
      start: of the first byte.
      stop: behind the last byte.
      patches: bytes to be read in place of those of the file, by their offset in the file: lengths
        that are missing or wrong there.
    """

    start: int
    stop: int
    patches: Mapping[int, bytes] = MappingProxyType({})


class Contents(NamedTuple):
    """The sections of a file, and notes about it.

    Attributes:
      sections: in order, at least one.
      notes: what is unusual about the file.
      for_libsndfile: whether nothing is unusual about it and libsndfile is exact and fast.
    """

    sections: tuple[Section, ...]
    notes: tuple[AudioNote, ...] = ()
    for_libsndfile: bool = False


class SectionFile(io.RawIOBase):
    """A section, to be read. It has no name: decoders have to go by its contents."""

    def __init__(self, path: str, section: Section) -> None:
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed in `close`
        self._section = section
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = self._section.stop - self._section.start
        self._position = max(0, offset + (0, self._position, size)[whence])
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        buffer = memoryview(buffer).cast("B")
        at = self._section.start + self._position
        if at >= self._section.stop:  # any number: some headers send readers far away
            return 0
        self._file.seek(at)
        count = self._file.readinto(buffer[: self._section.stop - at])
        for offset, new in self._section.patches.items():
            first, last = max(offset, at), min(offset + len(new), at + count)
            if first < last:
                buffer[first - at : last - at] = new[first - offset : last - offset]
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
