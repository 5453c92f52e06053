"""Finds the audio within a file, and checks that it is complete.

Other bytes may lie in front of it and behind it, several files may follow each other in one, and
the lengths in headers may be wrong. FFmpeg reads many files that were cut short without an error:
what tells those from whole ones is looked for here, before anything is decoded.
"""

import re
from pathlib import Path
from typing import BinaryIO

from ada.audio.boxes import find_boxes
from ada.audio.chunks import find_samples, has_chunks
from ada.audio.errors import AudioError, AudioNote
from ada.audio.flac import MARKER, find_files
from ada.audio.ogg import find_streams
from ada.audio.sections import Contents, Section
from ada.utils.errors import reason

_SEARCHED = 1 << 16
# How files begin, in eight bytes or more: what is looked for behind other bytes.
_BEGINNINGS = re.compile(
    rb"(?:RIFF|RIFX|RF64|BW64|FORM)....(?:WAVE|AIF[FC]|8SVX|16SV|AVI )|riff\x2e\x91\xcf\x11"
    rb"|caff\0\x01\0|OggS\0[\x02\x06]........|....ftyp|\x1a\x45\xdf\xa3[\x80-\xff]"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"
    rb"|wvpk....[\x02-\x10]\x04|\.snd\0\0.{6}\0\0\0[\x01-\x1b]|TTA1[\x01\x02]\0[\x01-\x20]\0"
    rb"|\xff[\xe2-\xfd]..(?:..)?\0{9,36}(?:Xing|Info)|FLV\x01.\0\0\0\x09|" + MARKER.pattern,
    re.DOTALL,
)
# Shorter ones, which count at the beginning alone: MPEG and AC-3 frames, AU, Monkey's Audio...
_SHORT_BEGINNINGS = re.compile(
    rb"\xff[\xe2-\xe7\xf0-\xfd]|ID3|\.snd\0|MAC |TTA1|MPCK|MP\+|#!AMR|\x0b\x77|\x7f\xfe\x80\x01"
)


def check_file(path: str) -> None:
    """Raises AudioError for anything but a regular, readable file with content."""
    try:
        if not Path(path).is_file():
            if Path(path).is_dir():
                why = "is a directory"
            else:
                why = "is not a regular file" if Path(path).exists() else "no such file"
            raise AudioError("unreadable", path, why)
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError("empty", path, "the file has no bytes")
    except OSError as error:
        raise AudioError("unreadable", path, reason(error)) from error


def find_audio(path: str) -> Contents:
    """Finds the sections of a file that hold audio.

    Args:
      path: of a file that passes `check_file`.

    Raises:
      AudioError: if the file is cut short or damaged.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        start = _find_start(file, size)
        section = Section(start, size)
        file.seek(start)
        magic = file.read(12)
        if has_chunks(magic):
            found = find_samples(path, file, section)
        elif magic[:4] == b"OggS":
            found = find_streams(path, file, section)
        elif magic[:4] == b"fLaC":
            sections = find_files(file, section)
            several = AudioNote("joined", f"{len(sections)} FLAC files one after another")
            found = Contents(sections, (several,) if len(sections) > 1 else ())
        else:
            found = find_boxes(path, file, section)
    if start and not _is_tag(path, start):
        skipped = AudioNote("extra_bytes", f"{start} bytes in front of the audio were skipped")
        found = found._replace(notes=(skipped, *found.notes))
    return found


def begins_as_audio(beginning: bytes) -> bool:
    """Whether a file that begins with these bytes, 16 at least, may be audio."""
    return bool(_BEGINNINGS.match(beginning) or _SHORT_BEGINNINGS.match(beginning))


def is_cut_in_header(path: str, start: int = 0) -> bool:
    """Whether a file that no decoder opens begins as audio does, from an offset on."""
    with Path(path).open("rb") as file:
        file.seek(start)
        beginning = file.read(16)
    if len(beginning) < 12:
        return beginning[:4] in (b"RIFF", b"FORM", b"OggS", b"fLaC", b"riff", b"caff")
    return begins_as_audio(beginning.ljust(16, b"\0"))


def _find_start(file: BinaryIO, size: int) -> int:
    """The offset of the first byte of audio; 0 if it is not known, which FFmpeg can deal with."""
    at = _behind_tags(file, size)
    file.seek(at)
    window = file.read(_SEARCHED + 16)
    if _SHORT_BEGINNINGS.match(window):
        return at
    found = _BEGINNINGS.search(window)
    return at + found.start() if found else 0


def _behind_tags(file: BinaryIO, size: int) -> int:
    """The offset behind ID3v2 tags."""
    at = 0
    while True:
        file.seek(at)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            return at
        length = 0
        for byte in tag[6:]:
            length = length << 7 | byte & 0x7F
        if at + 10 + length >= size:
            return at
        at += 10 + length


def _is_tag(path: str, start: int) -> bool:
    with Path(path).open("rb") as file:
        return _behind_tags(file, start + 1) == start
