"""How long an MP3 file says it is.

An MP3 file is a row of frames and nothing else. Encoders put one frame more in front, which plays
as silence and holds the number of frames ("Xing" or "Info"), often followed by how many samples of
padding to drop ("LAME", "Lavc": then the length is exact to the sample). Files written to a pipe or
cut by hand lack it. For those libsndfile guesses the length from the size of the first frame and
reads no further, which can lose most of a file of variable bit rate; `length_frame` makes the
missing frame, with a bound in place of the number.
"""

from typing import BinaryIO, NamedTuple

_SEARCHED_BYTES = 1 << 16
_SAMPLE_RATES = (44100, 48000, 32000)
_VERSION_DIVISORS = {3: 1, 2: 2, 0: 4}  # MPEG 1, 2 and 2.5, by the two bits of the header
_MPEG_1_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SMALLEST_FRAME = 24  # bytes: MPEG 2, 8 kbit/s at 24 kHz


class FirstFrame(NamedTuple):
    """The first frame of an MP3 file.

    Attributes:
      offset: in bytes; before it lie tags.
      header: its first four bytes.
      declares_frames: whether it holds the number of frames.
      declares_samples: whether it also holds the padding.
    """

    offset: int
    header: bytes
    declares_frames: bool
    declares_samples: bool


def find_first_frame(file: BinaryIO, sample_rate: int) -> FirstFrame | None:
    """Finds the first frame of layer III with that sample rate behind any ID3v2 tags."""
    start = 0
    while True:
        file.seek(start)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            break
        start += 10 + sum(
            (byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True)
        )
    file.seek(start)
    head = file.read(_SEARCHED_BYTES)
    at = head.find(b"\xff")
    while 0 <= at <= len(head) - 4:
        size = _frame_size(head[at : at + 4], sample_rate)
        # Two headers in a row are no coincidence; a file of one frame must begin with it.
        if size and (_frame_size(head[at + size :][:4], sample_rate) or at + size == len(head)):
            return FirstFrame(start + at, head[at : at + 4], *_declared(head[at : at + 256]))
        at = head.find(b"\xff", at + 1)
    return None


def length_frame(first: FirstFrame, sample_rate: int, num_bytes: int) -> bytes:
    """Returns a frame to go before `first`; it declares more frames than `num_bytes` can hold."""
    # Without checksum, at the highest bit rate: long enough whatever that of the file is.
    sync, version, rate, mode = first.header
    header = bytes((sync, version | 0x01, (rate & 0x0D) | 0xE0, mode))
    mono, mpeg_1 = mode >> 6 == 3, version >> 3 & 3 == 3
    side_information = bytes((17 if mono else 32) if mpeg_1 else (9 if mono else 17))
    has_frames, bound = 1, num_bytes // _SMALLEST_FRAME + 1
    info = b"Info" + has_frames.to_bytes(4, "big") + bound.to_bytes(4, "big")
    return (header + side_information + info).ljust(_frame_size(header, sample_rate), b"\0")


def _frame_size(header: bytes, sample_rate: int) -> int:
    """Bytes of a layer III frame of that sample rate; 0 if the header is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return 0
    if _SAMPLE_RATES[rate] // _VERSION_DIVISORS[version] != sample_rate:
        return 0
    kbps = (_MPEG_1_KBPS if version == 3 else _MPEG_2_KBPS)[bit_rate - 1]
    return (144 if version == 3 else 72) * kbps * 1000 // sample_rate + padding


def _declared(frame: bytes) -> tuple[bool, bool]:
    """Whether a frame holds the number of frames, and whether it holds the padding too."""
    # After at most 2 bytes of checksum and 32 of side information.
    at = max(frame.find(b"Xing", 0, 44), frame.find(b"Info", 0, 44))
    flags = int.from_bytes(frame[at + 4 : at + 8], "big") if at >= 0 else 0
    if not flags & 1 or not any(frame[at + 8 : at + 12]):
        return False, False
    # Behind the flags: frames, bytes, a table of contents, quality; each only if flagged.
    fields = sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    return True, frame[at + 8 + fields :][:4] in (b"LAME", b"Lavc", b"Lavf", b"L3.9")
