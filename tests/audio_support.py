"""Audio files with one unusual thing each, made byte by byte; right values are known."""

import hashlib
import io
import struct

import av
import numpy as np
import soundfile as sf
import soxr

from ada.audio import AudioError, read_audio

RATE = 16000


def melody(secs, rate, seed=0, peak=0.6):
    """Notes that do not repeat, float64 `[samples]`."""
    rng = np.random.default_rng(seed)
    step = int(0.11 * rate)
    hertz = np.repeat(rng.uniform(150, min(1500, 0.3 * rate), 99), step)[: int(secs * rate)]
    decay = np.tile(np.exp(-np.arange(step) / (0.05 * rate)), 99)[: len(hertz)]
    sound = decay * np.sin(2 * np.pi * np.cumsum(hertz) / rate)
    return peak * sound / np.abs(sound).max()


def encoded(kind, subtype, sound, rate, **options):
    """What libsndfile writes."""
    buffer = io.BytesIO()
    sf.write(buffer, sound, rate, subtype, format=kind, **options)
    return buffer.getvalue()


def muxed(kind, codec, sound, rate, options=None):
    """What FFmpeg writes."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", bit_rate=96000)
        planes = np.asarray(sound, np.float32)[None]
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        stream.codec_context.open()
        size = stream.codec_context.frame_size or None
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def id3v2(size):
    """A tag in front of the audio."""
    return b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def id3v1():
    """A tag behind it."""
    return b"TAG" + b"A melody".ljust(125, b"\0")


# --- Chunks ---


def wav(data, rate, *, bits=16, channels=1, coding=1, data_size=None, riff_size=None):
    """A WAV file whose sizes say what they are asked to."""
    frame = channels * bits // 8
    body = b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, coding, channels, rate, rate * frame, frame, bits
    )
    body += b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def rf64(data, rate, magic=b"RF64", data_size=None):
    """RF64 or BW64: sizes of 64 bits in a chunk of their own."""
    size = len(data) if data_size is None else data_size
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 80 - 8, size, size // 2, 0)
    body = wav(data, rate)[12:]
    at = body.index(b"data") + 4
    body = body[:at] + b"\xff" * 4 + body[at + 4 :]
    return magic + b"\xff" * 4 + b"WAVE" + ds64 + body


def aiff(data, rate, *, data_size=None, form_size=None, frames=None, aifc=False):
    """An AIFF or AIFC file of 16 bits."""
    power = rate.bit_length() - 1
    extended = struct.pack(">HQ", 16383 + power, rate << (63 - power))
    comm = struct.pack(">hIh", 1, len(data) // 2 if frames is None else frames, 16) + extended
    comm += b"NONE\0\0" * aifc
    body = (b"AIFC" if aifc else b"AIFF") + b"COMM" + struct.pack(">I", len(comm)) + comm
    size = len(data) + 8 if data_size is None else data_size
    body += b"SSND" + struct.pack(">I", size) + bytes(8) + data
    return b"FORM" + struct.pack(">I", len(body) if form_size is None else form_size) + body


# --- Ogg ---


def _crc(data, polynomial, width, table={}):  # noqa: B006 - kept between calls
    """Checksum of `width` bits, highest bit first."""
    top, mask = 1 << (width - 1), (1 << width) - 1
    if (polynomial, width) not in table:
        values = []
        for byte in range(256):
            value = byte << (width - 8)
            for _ in range(8):
                value = (value << 1 ^ (polynomial if value & top else 0)) & mask
            values.append(value)
        table[polynomial, width] = values
    values, crc = table[polynomial, width], 0
    for byte in data:
        crc = (crc << 8 & mask) ^ values[crc >> (width - 8) ^ byte]
    return crc


def pages(data):
    """The pages of an Ogg file."""
    found = []
    while data:
        size = 27 + data[26] + sum(data[27 : 27 + data[26]])
        found.append(bytearray(data[:size]))
        data = data[size:]
    return found


def joined(found):
    """An Ogg file of pages, with the right checksums."""
    for page in found:
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _crc(page, 0x04C11DB7, 32))
    return b"".join(map(bytes, found))


def page(packets, *, flags=0, position=0, serial=7, number=0):
    """A page that holds whole packets."""
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, serial, number, 0, len(lacing))
    return bytearray(head + lacing + b"".join(packets))


def flac_in_ogg(flac):
    """A FLAC file made by `verbatim_flac`, in Ogg pages of a frame each."""
    frames = flac.split(b"\xff\xf8")
    first = b"\x7fFLAC\1\0\0\1fLaC\0" + frames[0][5:42]  # not the last block
    comment = b"\x84\0\0\x08" + bytes(8)
    found = [page([first], flags=2), page([comment], number=1)]
    for number, frame in enumerate(frames[1:]):
        flags = 4 * (number == len(frames) - 2)
        end = BLOCK * (number + 1)
        found.append(page([b"\xff\xf8" + frame], flags=flags, position=end, number=number + 2))
    return joined(found)


# --- FLAC ---

BLOCK = 256


def verbatim_flac(samples, rate, bits, *, total=None, md5=None):
    """A FLAC file of any depth whose frames hold the samples as they are; no 0xFFF8 inside."""
    width = (bits + 7) // 8
    raw = b"".join(int(s).to_bytes(width, "little", signed=True) for s in samples)
    md5 = hashlib.md5(raw).digest() if md5 is None else md5
    total = len(samples) if total is None else total
    info = struct.pack(">HH", BLOCK, BLOCK) + bytes(6)
    info += (rate << 44 | (bits - 1) << 36 | total).to_bytes(8, "big") + md5
    data = b"fLaC\x80\0\0\x22" + info
    for number in range(0, len(samples) // BLOCK):
        head = b"\xff\xf8\x80\x00" + bytes([number])  # block size 256, rate and depth as stated
        frame = head + bytes([_crc(head, 0x07, 8)])
        block = samples[number * BLOCK :][:BLOCK]
        packed = 1 << 8 | 2  # a subframe, verbatim
        for sample in block:
            packed = packed << bits | int(sample) & ((1 << bits) - 1)
        size = 8 + bits * BLOCK
        frame += (packed & (1 << size) - 1).to_bytes(size // 8, "big")
        data += frame + struct.pack(">H", _crc(frame, 0x8005, 16))
    return data


# --- MP3 ---


def mp3_frames(data):
    """The frames of an MP3 file of 44.1 or 48 kHz, MPEG 1."""
    kbps = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    found = []
    while len(data) > 4:
        rate = (44100, 48000, 32000)[data[2] >> 2 & 3]
        size = 144000 * kbps[data[2] >> 4] // rate + (data[2] >> 1 & 1)
        found.append(data[:size])
        data = data[size:]
    return found


def read(tmp_path, content, name="a.bin"):
    """Audio and kinds of notes, or the reason for which it is refused."""
    path = tmp_path / name
    path.write_bytes(content)
    notes = []
    try:
        audio = read_audio(path, RATE, on_note=lambda note: notes.append(note.kind))
    except AudioError as error:
        return error.reason, error.detail
    return audio, notes


def same(audio, expected, slack=0):
    """Whether the middle of the sound is the same, and the length but for some samples."""
    if isinstance(audio, str) or abs(len(audio) - len(expected)) > slack:
        return False
    length = min(len(audio), len(expected))
    return np.corrcoef(audio[:length], expected[:length])[0, 1] > 0.98


def encoded_at_rate(sound):
    return soxr.resample(sound, 48000, RATE)


def floats(sound, channels=1):
    return wav(np.asarray(sound, "<f4").tobytes(), RATE, bits=32, channels=channels, coding=3)


def changed(data, *, flags=None, position=None, early=0, all_pages=False):
    found = pages(data)
    for page in found[2:-1] if all_pages else ():
        struct.pack_into("<q", page, 6, position(struct.unpack_from("<q", page, 6)[0]))
    if early:
        found[-1 - early][5] |= 4
    if flags is not None:
        found[-1][5] = flags
    if position is not None:
        now = struct.unpack_from("<q", found[-1], 6)[0]
        struct.pack_into("<q", found[-1], 6, position(now))
    return joined(found)
