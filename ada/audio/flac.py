"""FLAC files: several in a row, and the proof that all samples are there.

A FLAC file states how many samples it holds and their MD5 sum. FFmpeg passes over damaged frames in
silence, so fewer samples than stated are a sign of damage, unless the sum shows that it is the
statement that is wrong.
"""

import hashlib
import re
from typing import BinaryIO, NamedTuple

import numpy as np

from ada.audio.sections import Section

# The marker and the head of the first block, which is always of the same kind and length.
MARKER = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_WINDOW = 1 << 20


class StreamInfo(NamedTuple):
    """The header of a FLAC file.

    Attributes:
      num_samples: in each channel; 0 if it is not known.
      bits: of a sample.
      md5: of all samples; None if it is not known.
    """

    num_samples: int
    bits: int
    md5: bytes | None

    @property
    def num_bytes(self) -> int:
        """Bytes of a sample in the MD5 sum."""
        return (self.bits + 7) // 8


def find_files(file: BinaryIO, section: Section) -> tuple[Section, ...]:
    """Finds the FLAC files that lie one behind the other in a section."""
    starts, at = [], section.start
    while at < section.stop:
        file.seek(at)
        window = file.read(min(_WINDOW + 7, section.stop - at))
        starts += [at + found.start() for found in MARKER.finditer(window)]
        at += _WINDOW
    if not starts:
        return (section,)
    stops = [*starts[1:], section.stop]
    return tuple(Section(*bounds) for bounds in zip(starts, stops, strict=True))


def read_stream_info(file: BinaryIO, section: Section) -> StreamInfo:
    """Reads the first block of a FLAC file."""
    file.seek(section.start + 8)
    block = file.read(34)
    packed = int.from_bytes(block[10:18], "big")  # rate 20, channels 3, bits 5, samples 36 bits
    md5 = block[18:34]
    return StreamInfo(packed & (1 << 36) - 1, (packed >> 36 & 31) + 1, md5 if any(md5) else None)


def md5_update(md5: "hashlib._Hash", info: StreamInfo, samples: np.ndarray) -> None:
    """Adds integers, channels interleaved, of 16 or 32 bits, as FFmpeg aligns them, to a sum."""
    shifted = samples >> (8 * samples.itemsize - info.bits)
    as_bytes = shifted.astype(f"<i{samples.itemsize}").reshape(-1, 1).view(np.uint8)
    md5.update(as_bytes[:, : info.num_bytes].tobytes())
