"""Two facts about MPEG audio (MP3) that FFmpeg does not tell."""

import re

_RATES = (44100, 48000, 32000)
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}  # MPEG 1, 2 and 2.5, by the two bits of the header
_KBPS = {  # by MPEG 1 or not, and layer
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# A silent frame in front of the first one, which holds the number of frames (a flag says so).
_COUNTING_FRAME = re.compile(
    rb"\xff([\xe2-\xff])..(?:..)?\0{9,36}"
    rb"(?:(?:Xing|Info)...[\1\3\5\7\x09\x0b\x0d\x0f]|VBRI.{10})(....)",
    re.DOTALL,
)


def stated_samples(bytes_before: bytes) -> int:
    """The samples with padding by the bytes in front of the first frame; 0 if they do not say."""
    found = _COUNTING_FRAME.search(bytes_before)
    if not found:
        return 0
    is_mpeg_1 = found[1][0] >> 3 & 3 == 3
    return int.from_bytes(found[2], "big") * (1152 if is_mpeg_1 else 576)


def frame_size(header: bytes) -> int:
    """Bytes of the frame of layer II or III that begins so; 0 if it is none, or does not say."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer not in (2, 3) or bit_rate in (0, 15) or rate == 3:
        return 0
    kbps = _KBPS[version == 3, layer][bit_rate - 1]
    factor = 72 if version != 3 and layer == 3 else 144
    return factor * kbps * 1000 // (_RATES[rate] // _RATE_DIVISORS[version]) + padding
