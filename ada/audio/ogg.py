"""Whether an Ogg file is whole, page by page, and where the streams in it begin (RFC 3533).

A page is a header of 27 bytes, a table of segment lengths and the segments, with a checksum over
all of it; the pages of a stream are numbered. So a page that is cut, damaged or missing shows,
which decoders pass over in silence. The mark of the end and the positions in samples are not needed
for that, and are often wrong.
"""

import struct
import zlib
from typing import BinaryIO

from ada.audio.errors import AudioError, AudioNote
from ada.audio.sections import Contents, Section

_FIRST, _LAST = 2, 4  # flags of a page
_SEARCHED = 1 << 16
# Ogg's checksum is that of zlib with the bits of every byte turned round.
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def find_streams(path: str, file: BinaryIO, section: Section) -> Contents:
    """Finds the streams of an Ogg file that lie one behind the other.

    Args:
      path: for messages.
      file: the file.
      section: where the Ogg file lies in it.

    Raises:
      AudioError: if a page is cut, damaged or missing.
    """
    at, stop = section.start, section.stop
    starts, end = [], at
    numbers: dict[bytes, int] = {}  # of the next page, by stream
    ended: dict[bytes, bool] = {}
    open_packets: dict[bytes, bool] = {}
    in_heads, num_with_samples, is_vorbis = False, 0, False
    while (at := _next_page(file, at, stop)) is not None:
        page = _page(path, file, at, stop)
        flags, serial, number = page[5], page[14:18], int.from_bytes(page[18:22], "little")
        if flags & _FIRST and not in_heads:
            # All streams of a link begin before any of them goes on.
            starts.append(at)
            numbers, ended, open_packets = {}, {}, {}
        in_heads = bool(flags & _FIRST)
        is_vorbis |= in_heads and page[28:35] == b"\x01vorbis"
        if not in_heads and number != numbers.get(serial, number):
            raise AudioError("truncated", path, f"pages are missing before byte {at}")
        numbers[serial] = (number + 1) % 2**32
        num_with_samples += int.from_bytes(page[6:14], "little") != 0
        ended[serial] = bool(flags & _LAST) or ended.get(serial, False)
        open_packets[serial] = page[26] > 0 and page[26 + page[26]] == 255
        at = end = at + len(page)
    if any(open_packets.values()):
        raise AudioError("truncated", path, "the Ogg stream breaks off within a packet")
    notes = []
    if not all(ended.values()):
        detail = "the Ogg stream lacks its end mark: it may have been cut between two pages"
        notes.append(AudioNote("no_end_mark", detail))
    if len(starts) > 1:
        notes.append(AudioNote("joined", f"{len(starts)} Ogg streams one after another"))
    bounds = zip(starts, [*starts[1:], end], strict=True)
    # Where the first page of a Vorbis stream is also its last, FFmpeg takes what is to be left out
    # at the end off the beginning.
    return Contents(
        tuple(Section(*bound) for bound in bounds) or (section,),
        tuple(notes),
        for_libsndfile=is_vorbis and num_with_samples == len(starts) == len(ended) == 1,
    )


def _page(path: str, file: BinaryIO, at: int, stop: int) -> bytes:
    """Reads the page at an offset."""
    file.seek(at)
    page = file.read(min(27, stop - at))
    page += file.read(page[26]) if len(page) == 27 else b""
    size = len(page) + sum(page[27:])
    if len(page) < 27 or len(page) < 27 + page[26] or at + size > stop:
        raise AudioError("truncated", path, "the Ogg stream breaks off within a page")
    page += file.read(size - len(page))
    if _checksum(page) != page[22:26]:
        raise AudioError("truncated", path, f"the Ogg page at byte {at} is damaged")
    return page


def _checksum(page: bytes) -> bytes:
    without = page[:22] + bytes(4) + page[26:]
    turned = zlib.crc32(without.translate(_TURNED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return struct.pack(">I", turned).translate(_TURNED)


def _next_page(file: BinaryIO, at: int, stop: int) -> int | None:
    """The offset of the next page from an offset on, or None."""
    while at < stop:
        file.seek(at)
        window = file.read(min(_SEARCHED, stop - at))
        found = window.find(b"OggS")
        if found >= 0:
            return at + found
        if len(window) < _SEARCHED:
            # A header that is cut after a byte or two is no page.
            return None
        at += len(window) - 3
    return None
