"""Unusual files are read whole or refused with the reason: one table for each kind."""

import struct

import numpy as np
import pytest
import soundfile as sf
from audio_support import (
    BLOCK,
    RATE,
    aiff,
    changed,
    encoded,
    encoded_at_rate,
    flac_in_ogg,
    id3v1,
    id3v2,
    joined,
    melody,
    mp3_frames,
    muxed,
    pages,
    read,
    rf64,
    same,
    verbatim_flac,
    wav,
)

from ada.audio.chunks import find_samples
from ada.audio.sections import Section

SOUND = melody(1.7, RATE, seed=1)
PCM = np.round(SOUND * 32767).astype("<i2")
DATA, BIG = PCM.tobytes(), PCM.astype(">i2").tobytes()
TEXT = b"These lines are about music, and hold none of it.\n" * 90
JUNK = np.random.default_rng(5).integers(1, 127, 700).astype(np.uint8).tobytes()


# --- The contents decide, not the name ---


@pytest.mark.parametrize("ending", ["raw", "snd", "au", "vox", "gsm", "wav", "mp3", "sln", "g722"])
def test_contents_that_are_not_audio_are_refused_under_every_name(tmp_path, ending):
    for content in (TEXT, bytes(range(40)), JUNK, "naïve\n".encode("utf-16") * 99, bytes(4000)):
        reason, detail = read(tmp_path, content, f"a.{ending}")
        assert reason == "not_audio", (content[:10], detail)


@pytest.mark.parametrize("ending", ["raw", "txt", "flac", "m4a", "tmp", ""])
def test_audio_is_read_under_every_name(tmp_path, ending):
    audio, notes = read(tmp_path, wav(DATA, RATE), f"a.{ending}")
    np.testing.assert_array_equal(audio, PCM / np.float32(32768))
    assert notes == []


def test_a_list_of_other_files_opens_none_of_them(tmp_path):
    (tmp_path / "private.wav").write_bytes(wav(DATA, RATE))
    lists = [
        f"ffconcat version 1.0\nfile {tmp_path}/private.wav\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path}/private.wav\n#EXT-X-ENDLIST\n",
    ]
    for text in lists:
        assert read(tmp_path, text.encode(), "a.wav")[0] == "not_audio"


# --- Bytes in front and behind, several files in one ---


WHOLE = {
    "wav": wav(DATA, RATE),
    "aiff": aiff(BIG, RATE),
    "flac": encoded("FLAC", "PCM_16", SOUND, RATE),
    "vorbis": encoded("OGG", "VORBIS", SOUND, RATE),
    "opus": encoded("OGG", "OPUS", SOUND, 16000),
    "mp3": encoded("MP3", "MPEG_LAYER_III", SOUND, RATE),
    "m4a": muxed("ipod", "alac", SOUND, RATE),
    "caf": encoded("CAF", "PCM_16", SOUND, RATE),
    "w64": encoded("W64", "PCM_16", SOUND, RATE),
    "8svx": encoded("SVX", "PCM_16", SOUND, RATE),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_around_the_audio_change_nothing(tmp_path, kind):
    alone, _ = read(tmp_path, WHOLE[kind])
    assert same(alone, SOUND)
    cases = [(id3v2(2000), b""), (b"", bytes(3001)), (b"", id3v1()), (b"", TEXT[:333])]
    if kind != "mp3":  # FFmpeg keeps the padding of MP3 files that begin with other bytes
        cases.append((bytes(57), b""))
    for before, after in cases:
        audio, _ = read(tmp_path, before + WHOLE[kind] + after)
        if kind == "mp3" and len(audio) != len(alone):  # the padding at the end may stay in too
            assert same(audio, alone, 0.05 * RATE)
            continue
        np.testing.assert_array_equal(audio, alone, (kind, before[:3], after[:3]))
    if kind != "mp3":  # its frames are too short to be distinguished from junk
        audio, notes = read(tmp_path, JUNK + WHOLE[kind])
        np.testing.assert_array_equal(audio, alone)
        assert "extra_bytes" in notes


@pytest.mark.parametrize("kind", ["flac", "vorbis", "opus"])
def test_files_in_a_row_are_all_read(tmp_path, kind):
    other = melody(1.3, RATE, seed=2)
    names = {"flac": ("FLAC", "PCM_16"), "vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
    audio, notes = read(tmp_path, WHOLE[kind] + encoded(*names[kind], other, RATE))
    assert notes == ["joined"]
    assert same(audio, np.concatenate([SOUND, other]), 300)


@pytest.mark.parametrize("kind", ["flac", "vorbis", "mp3"])
def test_joined_files_of_other_rates_are_refused(tmp_path, kind):
    names = {"flac": "PCM_16", "vorbis": "VORBIS", "mp3": "MPEG_LAYER_III"}
    container = {"vorbis": "OGG"}.get(kind, kind.upper())
    other = encoded(container, names[kind], melody(1.3, 24000), 24000)
    reason, detail = read(tmp_path, WHOLE[kind] + other)
    assert reason == "unreadable" and "16000 Hz" in detail and "24000 Hz" in detail


# --- Counts, marks and positions that are wrong ---


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"flags": 0}, "no_end_mark"),
        ({"early": 2}, None),
        ({"position": lambda n: n + 2900}, None),
        ({"position": lambda n: -1}, None),
        ({"position": lambda n: n - 30000}, None),
    ],
)
def test_wrong_marks_and_positions_of_ogg_pages_are_ignored(tmp_path, subtype, change, kind):
    sound = melody(6.0, 48000, seed=3)
    audio, notes = read(tmp_path, changed(encoded("OGG", subtype, sound, 48000), **change))
    assert same(audio, encoded_at_rate(sound), slack=0.05 * RATE), notes
    assert kind is None or kind in notes


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_pages_that_are_damaged_lost_or_cut_are_noticed(tmp_path, subtype):
    whole = encoded("OGG", subtype, melody(6.0, 48000, seed=3), 48000)
    found = pages(whole)
    assert len(found) > 6
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]
    lost = joined(found[:4] + found[5:])
    for content in (damaged, lost, whole[:-1], whole[: len(whole) // 3]):
        assert read(tmp_path, content)[0] == "truncated"


@pytest.mark.parametrize("bits", [9, 12, 15, 20, 24, 28, 32])
def test_flac_of_every_depth_and_in_ogg(tmp_path, bits):
    count = 70 * BLOCK
    samples = np.round(melody(1.2, RATE)[:count] * 2 ** (bits - 1)).astype(np.int64)
    samples = samples if bits < 17 else samples & ~0xFF
    content = verbatim_flac(samples, RATE, bits)
    audio, notes = read(tmp_path, content)
    np.testing.assert_allclose(audio, samples / 2.0 ** (bits - 1), atol=1e-7)
    assert notes == []
    if bits > 16:  # else some samples look like the beginning of a frame
        again, _ = read(tmp_path, flac_in_ogg(content))
        np.testing.assert_array_equal(again, audio)


@pytest.mark.parametrize("total", [0, 5, 69 * BLOCK, 70 * BLOCK + 1, 100 * BLOCK, 2**36 - 1])
def test_the_sum_of_a_flac_file_counts_more_than_its_total(tmp_path, total):
    samples = np.round(melody(1.2, RATE)[: 70 * BLOCK] * 2**11).astype(int)
    whole = verbatim_flac(samples, RATE, 12, total=total)
    audio, _ = read(tmp_path, whole)
    np.testing.assert_array_equal(audio, (samples / 2**11).astype(np.float32))
    if total > 60 * BLOCK:
        frame = (len(whole) - 42) // 70
        assert read(tmp_path, whole[: 42 + 60 * frame])[0] == "truncated"
        assert read(tmp_path, whole[: 42 + 30 * frame] + whole[42 + 31 * frame :])[0] == "truncated"


def test_mp3_without_length_or_with_a_wrong_one(tmp_path):
    sound = melody(1.9, 44100, seed=4)
    whole = encoded("MP3", "MPEG_LAYER_III", sound, 44100)
    first, *frames = mp3_frames(whole)
    bare = b"".join(frames)
    alone, notes = read(tmp_path, whole)
    assert abs(len(alone) - 1.9 * RATE) <= 1 and notes == []
    for content in (bare, bytes(500) + bare, bare + TEXT, bare + bytes(2500), bare + id3v1()):
        audio, _ = read(tmp_path, content)
        # With the delay of encoder and decoder at the beginning, and the padding.
        assert 0 <= len(audio) - len(alone) < 0.15 * RATE
        lag = np.argmax(np.correlate(audio[: RATE // 2], alone[: RATE // 4], "valid"))
        assert same(audio[lag:][: len(alone) - 500], alone[: len(audio) - lag][:-500], RATE)
    at = max(first.find(b"Xing"), first.find(b"Info")) + 8
    low = first[:at] + struct.pack(">I", 40) + first[at + 4 :]
    audio, notes = read(tmp_path, low + bare)
    assert abs(len(audio) - len(alone)) < 0.1 * RATE and notes == ["wrong_count"]
    high = first[:at] + struct.pack(">I", len(frames) + 9) + first[at + 4 :]
    assert read(tmp_path, high + bare)[0] == "truncated"
    assert read(tmp_path, first + bare[: len(bare) // 2])[0] == "truncated"
    assert read(tmp_path, bare[: len(bare) // 2])[0] == "truncated"  # within a frame


@pytest.mark.parametrize(
    "content",
    [
        wav(DATA, RATE, data_size=0, riff_size=0),
        wav(DATA, RATE, data_size=2**32 - 1, riff_size=2**32 - 1),
        wav(DATA, RATE, data_size=0x7FFFFFFF - 36, riff_size=0x7FFFFFFF),
        wav(DATA, RATE, data_size=len(DATA) + 6),  # RIFF says where the file ends
        rf64(DATA, RATE),
        rf64(DATA, RATE, b"BW64"),
        rf64(DATA, RATE, b"BW64", data_size=2**64 - 1),
        rf64(DATA, RATE, data_size=0),
        aiff(BIG, RATE, data_size=0, form_size=0, frames=0),
        aiff(BIG, RATE, data_size=0, form_size=0, frames=0, aifc=True),
        aiff(BIG, RATE, data_size=2**32 - 1, form_size=2**32 - 1, frames=0, aifc=True),
        aiff(BIG, RATE, data_size=0x7F000008, form_size=0x7F00002E, frames=0x3F800000),
        b".snd" + struct.pack(">5I", 24, 2**32 - 1, 3, RATE, 1) + BIG,
        b".snd" + struct.pack(">5I", 28, len(BIG), 3, RATE, 1) + bytes(4) + BIG,
    ],
    ids=lambda content: content[:4].decode() + str(len(content)),
)
def test_lengths_that_are_missing_or_wrong(tmp_path, content):
    audio, _ = read(tmp_path, content)
    np.testing.assert_array_equal(audio, PCM / np.float32(32768))


@pytest.mark.parametrize("kind", WHOLE)
def test_files_that_are_cut_are_refused(tmp_path, kind):
    for share in (0.98, 0.8, 0.5, 0.1):
        assert read(tmp_path, WHOLE[kind][: int(share * len(WHOLE[kind]))])[0] == "truncated"


def test_samples_behind_the_declared_end_are_named(tmp_path):
    audio, notes = read(tmp_path, wav(DATA, RATE, data_size=len(DATA) // 4))
    assert len(audio) == len(PCM) // 4 and notes == ["extra_bytes"]


@pytest.mark.parametrize("stated", [48000, 0, 2**32 - 1, 2**32 - 37, 2**31 - 37])
@pytest.mark.parametrize("wraps", [1, 3])
def test_a_wav_file_over_4_gib_states_its_length_modulo_4_gib_or_not_at_all(
    tmp_path, wraps, stated
):
    path = tmp_path / "long.wav"
    head = wav(b"", RATE, data_size=stated, riff_size=2**32 - 1)
    length = 48000 + wraps * 2**32
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)  # a hole: it takes no room
    size = path.stat().st_size
    with path.open("rb") as file:
        found = find_samples(str(path), file, Section(0, size))
    (section,) = found.sections
    assert (section.start, section.stop) == (0, len(head) + length)
    assert section.patches == {40: b"\xff\xff\xff\xff"}  # until the end of the section


# --- Formats ---


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        *[("ipod", "aac"), ("ipod", "alac"), ("adts", "aac"), ("webm", "libopus")],
        *[("wv", "wavpack"), ("tta", "tta"), ("mp2", "mp2"), ("mov", "pcm_s24le")],
        *[("matroska", "pcm_s16le"), ("avi", "mp2"), ("mpegts", "mp2"), ("au", "pcm_alaw")],
    ],
)
def test_formats_that_only_ffmpeg_reads(tmp_path, kind, codec):
    sound = melody(2.0, 48000, seed=6)
    audio, notes = read(tmp_path, muxed(kind, codec, sound, 48000))
    expected = encoded_at_rate(sound)
    assert abs(len(audio) - len(expected)) < 0.08 * RATE
    assert notes == (["unknown_end"] if kind in ("adts", "mp2", "mpegts") else [])
    lags = np.correlate(np.pad(audio, 2000)[:RATE], expected[4000 : RATE // 2], "valid")
    lag = int(np.argmax(lags)) - 2000 - 4000
    assert abs(lag) < 0.08 * RATE
    assert same(audio[max(0, lag) :], expected[max(0, -lag) :], RATE)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("AIFF", "DWVW_16"), ("WAV", "G721_32"), ("SDS", "PCM_16"), ("MAT5", "FLOAT")],
)
def test_formats_that_only_libsndfile_reads(tmp_path, kind, subtype):
    audio, notes = read(tmp_path, encoded(kind, subtype, SOUND, RATE))
    assert same(audio[: len(SOUND)], SOUND)
    assert notes == ([] if kind in ("WAV", "AIFF") else ["unknown_end"])


@pytest.mark.parametrize("kind", ["VOC", "IRCAM", "NIST"])
def test_old_formats_whose_end_is_unknown_are_noted(tmp_path, kind):
    audio, notes = read(tmp_path, encoded(kind, "PCM_16", SOUND, RATE))
    np.testing.assert_allclose(audio, SOUND, atol=1e-4)
    assert notes == ["unknown_end"]


def test_written_audio_is_read_back_exactly(tmp_path):
    for kind, subtype in [
        ("FLAC", "PCM_24"),
        ("WAV", "PCM_24"),
        ("AIFF", "PCM_24"),
        ("W64", "PCM_16"),
    ]:
        content = encoded(kind, subtype, SOUND, RATE)
        (tmp_path / "b").write_bytes(content)
        expected, _ = sf.read(tmp_path / "b", dtype="float32")
        np.testing.assert_array_equal(read(tmp_path, content)[0], expected)
