"""Whether MP4, Matroska, ASF and AVI files end where their outermost boxes do.

FFmpeg reads such a file that was cut short without an error if the cut lies between two packets, or
if the decoder takes a packet that lacks its end (Opus, PCM).
"""

from typing import BinaryIO

from ada.audio.errors import AudioError, AudioNote, unknown_end
from ada.audio.sections import Contents, Section

_MP4_BOXES = set(b"ftyp moov mdat moof free skip wide sidx mfra udta meta uuid styp emsg".split())
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
# Of a segment: index, tags, tracks, chapters...; of a cluster: blocks, time, position, previous.
_ELEMENTS = {
    *(_EBML, _SEGMENT, _CLUSTER, b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"),
    *(b"\x1c\x53\xbb\x6b", b"\x12\x54\xc3\x67", b"\x19\x41\xa4\x69", b"\x10\x43\xa7\x70"),
    *(b"\xec", b"\xbf", b"\xa3", b"\xa0", b"\xe7", b"\xab", b"\xa7"),
}
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEADER_BYTES = 1 << 16


def find_boxes(path: str, file: BinaryIO, section: Section) -> Contents:
    """Checks a file of boxes; for other files, the section is returned unchanged.

    Args:
      path: for messages.
      file: the file.
      section: where the file of boxes lies in it.

    Raises:
      AudioError: if the file ends within a box.
    """
    start, stop, _ = section
    notes: tuple[AudioNote, ...] = ()
    file.seek(start)
    magic = file.read(8)
    if magic[4:] in _MP4_BOXES:
        notes = _check_mp4(path, file, start, stop)
    elif magic[:4] == _EBML:
        _check_matroska(path, file, start, stop)
    elif magic == _ASF:
        end = start + _asf_bytes(file, start)
        _check_inside(path, "file", end, stop)
        if start < end < stop:  # FFmpeg would guess the duration from all bytes
            extra = AudioNote("extra_bytes", f"{stop - end} bytes behind the audio were skipped")
            return Contents((Section(start, end),), (extra,))
    elif magic[:4] == b"RIFF":
        size = int.from_bytes(magic[4:], "little")
        if size in (0, 0xFFFFFFFF):
            notes = (unknown_end("AVI"),)
        else:
            _check_inside(path, "outermost chunk", start + 8 + size, stop)
    return Contents((section,), notes)


def _check_inside(path: str, name: str, end: int, stop: int) -> None:
    if end > stop:
        detail = f"cut short: {end - stop} bytes of its {name} are missing"
        raise AudioError("truncated", path, detail)


def _asf_bytes(file: BinaryIO, start: int) -> int:
    """The bytes of an ASF file by its header; 0 if it does not say, as in broadcasts."""
    file.seek(start)
    header = file.read(_HEADER_BYTES)
    at = header.find(_ASF_PROPERTIES)
    if at < 0 or header[at + 88 : at + 89] != b"\2":
        return 0
    return int.from_bytes(header[at + 40 : at + 48], "little")


def _check_mp4(path: str, file: BinaryIO, at: int, stop: int) -> tuple[AudioNote, ...]:
    found = set()
    while at + 8 <= stop:
        file.seek(at)
        head = file.read(16)
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if name not in _MP4_BOXES or size < 8:  # 0: until the end
            break
        _check_inside(path, f"box {name.decode()}", at + size, stop)
        found.add(name)
        at += size
    # Fragments state their own lengths alone; an index of all of them may stand at the end.
    is_open = b"moof" in found and b"mfra" not in found
    if is_open and at < stop < at + 8:
        raise AudioError("truncated", path, "cut short within the length of a box")
    return (unknown_end("fragmented MP4"),) if is_open else ()


def _check_matroska(path: str, file: BinaryIO, at: int, stop: int) -> None:
    while at < stop:
        file.seek(at)
        head = file.read(12)
        id_bytes = 9 - head[0].bit_length()
        name, rest = head[:id_bytes], head[id_bytes:]
        if name not in _ELEMENTS or not rest or not rest[0]:
            return
        size_bytes = 9 - rest[0].bit_length()
        size = int.from_bytes(rest[:size_bytes], "big") & (1 << 7 * size_bytes) - 1
        at += id_bytes + size_bytes
        is_known = size != (1 << 7 * size_bytes) - 1  # not known while a stream is recorded
        if is_known:
            _check_inside(path, "outermost element", at + size, stop)
        if name == _SEGMENT and is_known:
            return
        if is_known or name not in (_SEGMENT, _CLUSTER):
            at += size
