"""Does a file hold all the audio that its container declares?

libsndfile, left alone, reads a WAV, AIFF or Ogg file that was cut short as a shorter file, without
a word; a FLAC or MP3 file it reports or reveals while decoding. So the first three are looked
through here, before anything is decoded.

RIFF (WAV) and IFF (AIFF) files are chunks: a 4-byte name, a 4-byte length, the contents. Programs
that write to a pipe cannot go back and fill in the length of the sample data; what they leave there
(0, or about 2 or 4 GiB) says "until the end of the file", which is legitimate.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ada.audio.errors import AudioError
from ada.utils.errors import reason

_OGG_WINDOW = 1 << 17  # the largest Ogg page, and as much again of whatever follows it


class SampleData(NamedTuple):
    """Where a WAV or AIFF file keeps its samples.

    Attributes:
      offset: of the first sample, in bytes.
      num_bytes: as declared; None where the writer did not know.
      zero_length: whether the declared length is 0 though samples follow.
      byteorder: of the chunk lengths, "little" or "big".
    """

    offset: int
    num_bytes: int | None
    zero_length: bool
    byteorder: str


def check_file(path: str) -> None:
    """Raises AudioError for what is no regular, readable file with something in it."""
    try:
        if not Path(path).is_file():
            if Path(path).is_dir():
                why = "is a directory"
            else:
                why = "is no regular file" if Path(path).exists() else "no such file"
            raise AudioError("unreadable", path, why)
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError("empty", path, "the file has no bytes")
    except OSError as error:
        raise AudioError("unreadable", path, reason(error)) from error


def check_complete(path: str) -> SampleData | None:
    """Raises AudioError where a WAV, AIFF or Ogg file is cut short.

    Returns:
      Where the samples are, for a WAV or AIFF file whose chunks can be followed; else None.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        if file.read(4) == b"OggS":
            _check_ogg(path, file, size)
            return None
        data = find_sample_data(file, size)
    held = data and size - data.offset
    if data and data.num_bytes is not None and data.num_bytes > held:
        raise AudioError(
            "truncated",
            path,
            f"the header declares {data.num_bytes} bytes of samples, the file holds {held}",
        )
    return data


def is_cut_in_header(path: str) -> bool:
    """Whether a file that no decoder opens begins as audio does: its header was cut or damaged."""
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        magic = file.read(12).ljust(12, b"\0")
        if _is_chunked(magic) or (size < 12 and magic[:4] in (b"RIFF", b"FORM")):
            return find_sample_data(file, size) is None
    return (
        magic[:4] == b"fLaC"
        or magic[:3] == b"ID3"
        # The header of an MPEG frame: eleven ones, a known version, layer II or III.
        or (magic[0] == 0xFF and magic[1] & 0xE0 == 0xE0 and magic[1] & 0x06 in (0x02, 0x04))
    )


def find_sample_data(file: BinaryIO, size: int) -> SampleData | None:
    """Follows the chunks of a WAV or AIFF file to its samples; None where they lead nowhere."""
    file.seek(0)
    magic = file.read(12)
    if not _is_chunked(magic):
        return None
    byteorder = "big" if magic[:4] in (b"FORM", b"RIFX") else "little"
    long_length = None  # RF64: the length as 64 bits, in a chunk of its own
    for name, length, offset in _chunks(file, 12, size, byteorder):
        if name == b"ds64":
            file.seek(offset + 8)
            long_length = int.from_bytes(file.read(8), byteorder)
        if name in (b"data", b"SSND"):
            if length == 0xFFFFFFFF and long_length is not None:
                length = long_length
            held = size - offset
            # A length of 0 is true where nothing, or only further chunks, follow.
            unset = length == 0 and held and not _are_chunks(file, offset, size, byteorder)
            unknown = unset or (length > held and _is_placeholder(length))
            return SampleData(offset, None if unknown else length, bool(unset), byteorder)
    return None


def _is_chunked(magic: bytes) -> bool:
    wav = magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and magic[8:] == b"WAVE"
    return wav or (magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"))


def _chunks(
    file: BinaryIO, start: int, size: int, byteorder: str
) -> Iterator[tuple[bytes, int, int]]:
    """Yields (name, length, offset of the contents) while the names look like names."""
    while start + 8 <= size:
        file.seek(start)
        head = file.read(8)
        if not all(32 <= byte < 127 for byte in head[:4]):
            return
        length = int.from_bytes(head[4:], byteorder)
        yield head[:4], length, start + 8
        start += 8 + length + length % 2


def _are_chunks(file: BinaryIO, start: int, size: int, byteorder: str) -> bool:
    """Whether the rest of the file is well-formed chunks that end where it ends."""
    end = start
    for _, length, offset in _chunks(file, start, size, byteorder):
        end = offset + length
    return 0 <= size - end <= 1  # the padding of an odd length


def _is_placeholder(length: int) -> bool:
    """Lengths left by programs that write to a pipe: just below 2 or 4 GiB, less their header."""
    return 0x7FFFEF00 <= length <= 0x80001000 or 0xFFFFF000 <= length <= 0xFFFFFFFF


def _check_ogg(path: str, file: BinaryIO, size: int) -> None:
    """The last page of an Ogg file must be whole and say that it ends the stream (RFC 3533)."""
    file.seek(0)
    first = file.read(27)
    file.seek(max(0, size - _OGG_WINDOW))
    tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    # Header of 27 bytes, a table of segment lengths, the segments.
    segments = page[27 : 27 + page[26]] if at >= 0 and len(page) >= 27 else b""
    whole = segments and len(page) >= 27 + page[26] + sum(segments)
    if not whole or not page[5] & 0x04:
        raise AudioError("truncated", path, "the Ogg stream breaks off before its last page")
    if first[14:18] != page[14:18] and not _begins_stream(file, page[14:18]):
        raise AudioError(
            "unreadable",
            path,
            "several Ogg streams one after another, of which only the first would be read; "
            "split or re-encode the file",
        )


def _begins_stream(file: BinaryIO, serial: bytes) -> bool:
    """Whether the stream of that serial number starts at the head of the file, with the others."""
    file.seek(0)
    head = file.read(_OGG_WINDOW)
    at = 0
    while head[at : at + 4] == b"OggS" and len(head) >= at + 27 and head[at + 5] & 0x02:
        if head[at + 14 : at + 18] == serial:
            return True
        at += 27 + head[at + 26] + sum(head[at + 27 : at + 27 + head[at + 26]])
    return False
