"""Whether an Ogg file is whole, page by page, and where the streams in it begin (RFC 3533).

A page is a header of 27 bytes, a table of segment lengths and the segments, with a checksum over
all of it; the pages of a stream are numbered. So a page that is cut, damaged or missing shows,
which decoders pass over in silence. The mark of the end and the positions in samples are not needed
for that, and are often wrong.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from ada.audio.errors import AudioError, AudioNote
from ada.audio.sections import Contents, Section

_FIRST, _LAST = 2, 4  # flags of a page
_SEARCHED = 1 << 16
_MOST_SAMPLES = 2**48
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
    links: list[_Link] = []
    while (at := _next_page(file, at, stop)) is not None:
        page = _page(path, file, at, stop)
        flags, serial, number = page[5], page[14:18], int.from_bytes(page[18:22], "little")
        if flags & _FIRST and not (links and links[-1].is_beginning):
            # All streams of a link begin before any of them goes on.
            links.append(_Link(at))
        link = links[-1] if links else _Link(at)
        link.is_beginning = bool(flags & _FIRST)
        stream = link.streams.setdefault(serial, _Stream(is_vorbis=page[28:35] == b"\x01vorbis"))
        if number != stream.number and not flags & _FIRST:
            raise AudioError("truncated", path, f"pages are missing or repeated before byte {at}")
        stream.add(page, number, at)
        at = link.stop = at + len(page)
    if not links:
        raise AudioError("truncated", path, "the beginning of the Ogg stream is missing")
    streams = [stream for link in links for stream in link.streams.values()]
    if any(stream.is_within_packet for stream in streams):
        raise AudioError("truncated", path, "the Ogg stream breaks off within a packet")
    notes = []
    if not all(stream.ends for stream in streams):
        detail = "the Ogg stream lacks its end mark: it may have been cut between two pages"
        notes.append(AudioNote("no_end_mark", detail))
    if len(links) > 1:
        notes.append(AudioNote("joined", f"{len(links)} Ogg streams one after another"))
    return Contents(
        tuple(Section(link.start, link.stop, link.patches()) for link in links),
        tuple(notes),
        for_libsndfile=len(streams) == 1 and streams[0].is_regular_vorbis,
    )


@dataclass
class _Stream:
    """State of a stream after the pages read so far.

    Attributes:
      is_vorbis: whether it is a Vorbis stream.
      number: of the next page.
      ends: pages with the end mark.
      is_within_packet: whether the last packet is incomplete.
      position: in samples, the last that was stated.
      is_regular: whether positions only grow, and no page follows the end mark.
      patches: the last page without end mark if its position is not behind all others, for
        FFmpeg to leave nothing out at the end.
    """

    is_vorbis: bool
    number: int = 0
    ends: int = 0
    is_within_packet: bool = False
    position: int = 0
    is_regular: bool = True
    patches: dict[int, bytes] = field(default_factory=dict)

    @property
    def is_regular_vorbis(self) -> bool:
        """Whether the position in the last page says where a Vorbis stream ends."""
        is_plausible = 0 < self.position < _MOST_SAMPLES
        return self.is_vorbis and self.is_regular and is_plausible and self.ends == 1

    def add(self, page: bytes, number: int, at: int) -> None:
        """Updates the state with the next page."""
        position = int.from_bytes(page[6:14], "little", signed=True)
        self.is_within_packet = page[26] > 0 and page[26 + page[26]] == 255
        self.number = (number + 1) % 2**32
        self.is_regular &= self.ends == 0 and (self.is_within_packet or position >= self.position)
        self.ends += bool(page[5] & _LAST)
        self.patches = {}
        if position <= self.position and not self.is_within_packet:
            changed = page[:5] + bytes([page[5] & ~_LAST]) + struct.pack("<q", self.position)
            changed += page[14:]
            self.patches = {at: changed[:22] + _checksum(changed) + page[26:]}
        self.position = max(position, self.position)


@dataclass
class _Link:
    """The streams of an Ogg file that run side by side.

    Attributes:
      start: of the first page, in bytes.
      stop: behind the last page.
      is_beginning: whether the last page was the first of a stream.
      streams: by serial number.
    """

    start: int
    stop: int = 0
    is_beginning: bool = False
    streams: dict[bytes, _Stream] = field(default_factory=dict)

    def patches(self) -> dict[int, bytes]:
        """Bytes to read in place of the last pages."""
        return {at: page for s in self.streams.values() for at, page in s.patches.items()}


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
