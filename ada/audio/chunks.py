"""Where WAV, AIFF, 8SVX, W64, CAF and AU files keep their samples, and whether they are all there.

Such a file is a row of chunks: a name, a length, the contents. FFmpeg reads a file that was cut
short without an error, so the length of the samples is compared with the file here. Lengths may
also be missing or wrong though all samples are there:

- Programs that write to a pipe cannot fill the length in. They leave 0, -1, or a little less than
  2 or 4 GiB, which means "until the end of the file".
- A WAV file over 4 GiB states its length modulo 2^32.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ada.audio.errors import AudioError, AudioNote
from ada.audio.sections import Contents, Section

_WRAP = 2**32
# Codes of integers, floats, A-law, mu-law, and of those with more channels or bits.
_PCM = {code.to_bytes(2, "little") for code in (1, 3, 6, 7, 0xFFFE)}


class _Format(NamedTuple):
    """How chunks are laid out.

    Attributes:
      first: offset of the first chunk.
      name_bytes: of the name of a chunk.
      length: its length, as a format of `struct`.
      excess: how much the length counts beyond the contents.
      alignment: chunks begin at multiples of this number of bytes.
      data: beginnings of the name of the chunk with the samples.
      data_is_last: whether the chunks behind the samples can be left out.
    """

    first: int
    name_bytes: int
    length: str
    excess: int
    alignment: int
    data: tuple[bytes, ...]
    data_is_last: bool


_RIFF = _Format(12, 4, "<I", 0, 2, (b"data",), True)
_FORMATS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": _RIFF._replace(length=">I"),
    b"FORM": _Format(12, 4, ">I", 0, 2, (b"SSND", b"BODY"), False),
    b"riff": _Format(40, 16, "<Q", 24, 8, (b"data",), True),
    b"caff": _Format(8, 4, ">Q", 0, 1, (b"data",), False),
}


class _Chunk(NamedTuple):
    name: bytes
    length_at: int
    length: int
    start: int


def find_samples(path: str, file: BinaryIO, section: Section) -> Contents:
    """Finds the samples of a file of chunks.

    Args:
      path: for messages.
      file: the file.
      section: where a file of a kind that `has_chunks` lies in it.

    Raises:
      AudioError: if samples are missing.
    """
    start, stop, _ = section
    file.seek(start)
    magic = file.read(24)
    if magic[:4] == b".snd":
        return _au_samples(path, magic, section)
    fmt = _FORMATS[magic[:4]]
    is_pcm, long_chunk = False, None  # RF64: lengths of 64 bits, in a chunk of their own
    for chunk in _chunks(file, fmt, start + fmt.first, stop):
        if chunk.name == b"ds64":
            long_chunk = chunk
        if chunk.name == b"fmt ":
            file.seek(chunk.start)
            is_pcm = file.read(2) in _PCM
        if chunk.name.startswith(fmt.data):
            break
    else:
        raise AudioError("truncated", path, "cut short or damaged before its first sample")
    length = chunk.length
    if long_chunk and length == 0xFFFFFFFF:
        file.seek(long_chunk.start + 8)
        length = int.from_bytes(file.read(8), "little")
    held = stop - chunk.start
    outer = struct.unpack_from(fmt.length[0] + "I", magic, 4)[0]
    true, notes = length, ()
    if length > held and not _is_placeholder(length, fmt):
        if fmt.length[1:] != "I" or not 0 <= stop - start - 8 - outer <= 1:
            raise AudioError("truncated", path, _promised(length, held))
        # The file ends where its outermost chunk says: it is the inner length that is wrong.
        true, notes = held, (AudioNote("wrong_count", _promised(length, held)),)
    elif length > held or (
        (length == 0 or _is_placeholder(length, fmt))
        and not _are_chunks(file, fmt, chunk.start + length, stop)
    ):
        true = held
    elif held - length >= _WRAP and fmt.length[1:] == "I" and not long_chunk:
        true += (held - length) // _WRAP * _WRAP
    elif not _are_chunks(file, fmt, chunk.start + length, stop):
        extra = f"{held - length} bytes behind the samples that the header declares were skipped"
        notes = (AudioNote("extra_bytes", extra),)
    patches = {} if true == chunk.length else _patches(fmt, chunk, long_chunk, true, stop - start)
    if magic[:4] == b"riff":  # FFmpeg insists on a plausible length of the whole
        patches[start + 16] = struct.pack("<Q", stop - start)
    end = chunk.start + true if fmt.data_is_last else stop
    plain = fmt is _RIFF and is_pcm and not patches and not notes
    return Contents((Section(start, end, patches),), notes, for_libsndfile=plain)


def has_chunks(magic: bytes) -> bool:
    """Whether a file that begins with these twelve bytes is one of chunks with samples."""
    if magic[:4] in (b".snd", b"riff", b"caff"):
        return True
    kinds = (b"AIFF", b"AIFC", b"8SVX", b"16SV") if magic[:4] == b"FORM" else (b"WAVE",)
    return magic[:4] in _FORMATS and magic[8:12] in kinds


def _au_samples(path: str, header: bytes, section: Section) -> Contents:
    """An AU file is a header and the samples."""
    offset, length = struct.unpack_from(">II", header.ljust(12, b"\0"), 4)
    held = section.stop - section.start - offset
    if held > 0 and (length == 0 or (length > held and _is_placeholder(length, _RIFF))):
        return Contents((section._replace(patches={section.start + 8: b"\xff" * 4}),))
    if length > held:
        raise AudioError("truncated", path, _promised(length, max(0, held)))
    if length < held:
        section = section._replace(stop=section.start + offset + length)
        note = f"{held - length} bytes behind the samples that the header declares were skipped"
        return Contents((section,), (AudioNote("extra_bytes", note),))
    return Contents((section,))


def _promised(length: int, held: int) -> str:
    return f"the header declares {length} bytes of samples, the file holds {held}"


def _chunks(file: BinaryIO, fmt: _Format, at: int, stop: int) -> Iterator[_Chunk]:
    """Yields the chunks while their names look like names."""
    origin, width = at, struct.calcsize(fmt.length)
    while at + fmt.name_bytes + width <= stop:
        file.seek(at)
        head = file.read(fmt.name_bytes + width)
        if not all(32 <= byte < 127 for byte in head[:4]):
            return
        length = struct.unpack(fmt.length, head[fmt.name_bytes :])[0]
        contents = at + len(head)
        length = max(0, length - fmt.excess) if length < 2**63 else length
        yield _Chunk(head[: fmt.name_bytes], at + fmt.name_bytes, length, contents)
        at = contents + length
        at += (origin - at) % fmt.alignment


def _are_chunks(file: BinaryIO, fmt: _Format, start: int, stop: int) -> bool:
    """Whether nothing but padding or well-formed chunks lie there."""
    for first in {start, start + start % 2}:  # some programs forget to pad an odd length
        end = first
        for chunk in _chunks(file, fmt, first, stop):
            end = chunk.start + chunk.length
        if abs(stop - end) < fmt.alignment or end >= stop:
            return True
    return False


def _is_placeholder(length: int, fmt: _Format) -> bool:
    """Lengths left by programs that write to a pipe: around 2 GiB, 4 GiB, or -1."""
    if fmt.length[1:] == "Q" and length >= 2**62:
        return True
    return (
        0x7F000000 <= length <= 0x7F001000
        or 0x7FFFEF00 <= length <= 0x80001000
        or 0xFFFFF000 <= length <= 0xFFFFFFFF
        or length >= 2**63  # in the 64 bits of RF64
    )


def _patches(
    fmt: _Format, chunk: _Chunk, long_chunk: _Chunk | None, length: int, size: int
) -> dict[int, bytes]:
    """Changes to the header with which FFmpeg reads `length` bytes of samples."""
    if long_chunk:
        lengths = struct.pack("<QQQ", size - 8, length, 0)
        return {long_chunk.start: lengths, chunk.length_at: b"\xff\xff\xff\xff"}
    stated = length + fmt.excess
    if fmt.length[1:] == "I":
        stated = min(stated, 0xFFFFFFFF)
    return {chunk.length_at: struct.pack(fmt.length, stated)}
