"""Files of FFmpeg's containers: cut anywhere, damaged, with bytes behind, with wrong lengths."""

import re
import struct

import numpy as np
import pytest
from audio_support import RATE, changed, encoded, floats, id3v1, melody, muxed, read, same, wav

SOUND = melody(1.5, 48000, seed=11)
FRAGMENTS = {"movflags": "frag_every_frame+empty_moov"}
WHOLE = {
    "fragments": muxed("mp4", "libopus", SOUND, 48000, FRAGMENTS),
    "mov": muxed("mov", "pcm_s24be", SOUND, 48000),
    "mp4": muxed("mp4", "aac", SOUND, 48000),
    "live": muxed("webm", "libopus", SOUND, 48000, {"live": "1"}),
    "matroska": muxed("matroska", "ac3", SOUND, 48000),
    "asf": muxed("asf", "libmp3lame", SOUND, 48000),
    "wma": muxed("asf", "wmav2", SOUND, 48000),
    "avi": muxed("avi", "pcm_s16le", SOUND, 48000),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_cut_anywhere_is_noticed(tmp_path, kind):
    content = WHOLE[kind]
    audio, notes = read(tmp_path, content)
    assert abs(len(audio) - 1.5 * RATE) < 0.08 * RATE
    assert notes == (["unknown_end"] if kind == "live" else [])
    shares = np.random.default_rng(3).uniform(0.05, 1.0, 6)
    for size in [*np.int64(shares * len(content)), len(content) - 3]:
        assert read(tmp_path, content[:size])[0] == "truncated", size


def test_an_index_that_is_missing_behind_fragments_is_noted(tmp_path):
    content = WHOLE["fragments"]
    assert read(tmp_path, content[: content.rindex(b"mfra") - 4])[1] == ["unknown_end"]


@pytest.mark.parametrize("kind", ["wma", "mov", "live", "adts", "au"])
def test_bytes_behind_are_skipped(tmp_path, kind):
    made = {
        "adts": lambda: muxed("adts", "aac", SOUND, 48000),
        "au": lambda: encoded("AU", "PCM_16", SOUND, 48000),
    }
    content = WHOLE[kind] if kind in WHOLE else made[kind]()
    alone, _ = read(tmp_path, content)
    for behind in (b"\n", id3v1(), bytes(5000)):
        audio, _ = read(tmp_path, content + behind)
        np.testing.assert_array_equal(audio, alone)


@pytest.mark.parametrize("kind", ["au", "tta", "mp3"])
def test_bytes_in_front_of_short_marks_are_skipped(tmp_path, kind):
    content = {
        "au": lambda: encoded("AU", "PCM_24", SOUND, 48000),
        "tta": lambda: muxed("tta", "tta", SOUND, 48000),
        "mp3": lambda: encoded("MP3", "MPEG_LAYER_III", SOUND, 48000),
    }[kind]()
    alone, _ = read(tmp_path, content)
    audio, notes = read(tmp_path, b"Content-Type: audio\r\n\r\n" + content)
    np.testing.assert_array_equal(audio, alone)
    assert notes == ["extra_bytes"]


@pytest.mark.parametrize("kind", ["flac", "wv", "tta", "ac3"])
def test_damage_within_a_frame_is_noticed_where_frames_have_checksums(tmp_path, kind):
    codec = {"wv": "wavpack"}.get(kind, kind)
    content = bytearray(muxed(kind, codec, SOUND, 48000))
    content[len(content) * 5 // 8] ^= 0x10
    assert read(tmp_path, bytes(content))[0] == "truncated"


@pytest.mark.parametrize("codec", ["libmp3lame", "adpcm_ms", "adpcm_ima_wav", "g722"])
def test_wav_files_of_codecs_are_whole(tmp_path, codec):
    sound = melody(1.5, RATE, seed=11)
    content = muxed("wav", codec, sound, RATE)
    audio, _ = read(tmp_path, content)
    assert abs(len(audio) - len(sound)) < 0.1 * RATE
    assert read(tmp_path, content[: len(content) * 2 // 3])[0] == "truncated"


def test_au_and_w64_lengths_of_pipes(tmp_path):
    pcm = np.round(SOUND * 32767).astype(">i2").tobytes()
    expected = read(tmp_path, encoded("WAV", "PCM_16", SOUND, 48000))[0]
    for length in (0, 2**31 - 1, 2**32 - 1):
        audio, _ = read(tmp_path, b".snd" + struct.pack(">5I", 24, length, 3, 48000, 1) + pcm)
        assert same(audio, expected)
    w64 = encoded("W64", "PCM_16", SOUND, 48000)
    for length in (0, 40, 2**64 - 1):
        assert same(read(tmp_path, w64[:16] + struct.pack("<Q", length) + w64[24:])[0], expected)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_positions_that_are_all_zero_or_far_away(tmp_path, subtype):
    sound = melody(6.0, 48000, seed=3)
    content = encoded("OGG", subtype, sound, 48000)
    expected = read(tmp_path, content)[0]
    for position in (lambda n: 0, lambda n: n + 2**41):
        audio, _ = read(tmp_path, changed(content, position=position, all_pages=True))
        assert same(audio, expected, 0.02 * RATE)


def test_a_constant_is_no_sound_when_channels_cancel(tmp_path):
    sound = melody(1.0, RATE, seed=5) / 2
    audio, notes = read(tmp_path, floats(np.stack([0.3 + sound, 0.3 - sound], axis=1), 2))
    assert notes == ["cancelling"] and np.ptp(audio) > 0.5
    assert read(tmp_path, floats(np.stack([0.3 + sound, sound - 0.3], axis=1), 2))[1] == []


@pytest.mark.parametrize("amplitude", [1e15, 1e37, np.nan, np.inf])
def test_too_large_samples_are_not_called_infinite(tmp_path, amplitude):
    reason, detail = read(tmp_path, floats(np.full(3000, amplitude)))
    assert reason == "not_finite"
    assert re.search("NaN, infinite or beyond", detail)


def test_an_unknown_encoding_is_not_called_damage(tmp_path):
    content = b".snd" + struct.pack(">5I", 24, 8000, 77, 8000, 1) + bytes(range(250)) * 32
    assert "unknown encoding" in read(tmp_path, content)[1]
    assert "not supported" in read(tmp_path, wav(bytes(8000), 8000, coding=0x7777))[1]
