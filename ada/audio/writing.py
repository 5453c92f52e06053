"""16-bit PCM and WAV files."""

import io
import os
import struct
from typing import Any

import numpy as np

from ada.audio.arrays import array_module
from ada.utils.files import write_bytes_atomically

_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FULL_SCALE = 32768  # what libsndfile divides by: files and records agree


def pcm16(audio: Any) -> Any:
    """Rounds float audio in [-1, 1] to int16; what lies beyond is clipped.

    Inverse of `from_pcm16`: `pcm16(from_pcm16(x)) == x` for every int16. Takes arrays and tensors.

    Raises:
      ValueError: an array holds NaN, which has no integer.
    """
    xp = array_module(audio)
    x = xp.asarray(audio, dtype=np.float32)
    if xp is np and np.isnan(x).any():
        raise ValueError(f"pcm16: {np.isnan(x).sum()} of {x.size} samples are NaN.")
    x = xp.clip(
        xp.floor(x * np.float32(_FULL_SCALE) + np.float32(0.5)), -_FULL_SCALE, _FULL_SCALE - 1
    )
    return xp.asarray(x, dtype=np.int16)


def from_pcm16(samples: Any) -> Any:
    """Turns int16 samples into float32 in [-1, 1), exactly. Takes arrays and tensors."""
    xp = array_module(samples)
    return xp.asarray(samples, dtype=np.float32) / np.float32(_FULL_SCALE)


_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def wav_bytes(audio: Any, sample_rate: int) -> bytes:
    """Returns a mono 16-bit PCM WAV file as bytes, to embed in a page or a summary.

    Args:
      audio: float `[samples]` in [-1, 1]; what lies beyond is clipped.
      sample_rate: in Hz.

    Raises:
      ValueError: the audio is not `[samples]`, or holds NaN.
    """
    samples = _mono_pcm16("wav_bytes", audio)
    return wav_header(len(samples), sample_rate) + samples.tobytes()


def encoded_bytes(
    audio: Any, sample_rate: int, form: str, compression: float | None = None
) -> bytes:
    """Returns a mono file as bytes, to keep, to download or to embed.

    Args:
      audio: see `wav_bytes`; so is the sample rate.
      sample_rate: in Hz. MP3 has some only: others are resampled to the next higher one.
      form: "wav"; "flac", which holds the same samples; or "mp3", which nearly does.
      compression: of MP3, from 0 (large) to 0.9; None for a quarter of a WAV file.

    Raises:
      ValueError: the audio is not `[samples]`, or holds NaN.
    """
    if form == "wav":
        return wav_bytes(audio, sample_rate)
    import soundfile  # only here: the rest needs it not

    samples, kwargs = _mono_pcm16("encoded_bytes", audio), {}
    if form == "mp3" and sample_rate not in _MP3_RATES:
        import soxr

        rate = next((rate for rate in _MP3_RATES if rate > sample_rate), _MP3_RATES[-1])
        samples, sample_rate = soxr.resample(samples, sample_rate, rate), rate
    if form == "mp3" and compression is not None:
        kwargs = {"compression_level": compression, "bitrate_mode": "VARIABLE"}
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=form.upper(), **kwargs)
    return buffer.getvalue()


def _mono_pcm16(function: str, audio: Any) -> np.ndarray:
    """Float `[samples]` as 16-bit integers, lowest byte first."""
    audio = np.asarray(audio)
    if audio.ndim != 1:
        raise ValueError(f"{function}: audio must be mono, [samples], got shape {audio.shape}.")
    return pcm16(audio).astype("<i2")


def wav_size(num_samples: int) -> int:
    """Bytes of a file that `write_wav_from` made."""
    return _WAV_HEADER.size + 2 * num_samples


def wav_header(num_samples: int, sample_rate: int) -> bytes:
    """How a mono 16-bit PCM WAV file of `num_samples` samples begins."""
    size, rates = 2 * num_samples, (1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return _WAV_HEADER.pack(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, *rates, b"data", size)


def write_wav_from(path: str | os.PathLike, start: int, audio: Any, sample_rate: int) -> None:
    """Writes audio into a mono 16-bit PCM WAV file from a sample on, whose end it then is.

    The file is whole whenever another process looks: it says how long it is after its samples are
    there. Made if it is missing, with silence before `start`; what is there already, and longer, is
    read and only written where it differs, as after a power cut.

    Args:
      path: of a local file that this function made.
      start: samples before it.
      audio: see `wav_bytes`; so is the sample rate.
      sample_rate: see `wav_bytes`.
    """
    samples = pcm16(audio).astype("<i2").tobytes()
    stop = 2 * start + len(samples)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        there = file.read(_WAV_HEADER.size)
        size = file.seek(0, os.SEEK_END)
        claimed = _WAV_HEADER.unpack(there)[-1] if len(there) == _WAV_HEADER.size else 0
        stop = max(stop, min(claimed, size - _WAV_HEADER.size) // 2 * 2)
        header = wav_header(stop // 2, sample_rate)
        file.seek(_WAV_HEADER.size + 2 * start)
        if file.read(len(samples)) != samples:
            file.seek(_WAV_HEADER.size + 2 * start)
            file.write(samples)
        if there != header:
            file.seek(0)
            file.write(header)


def write_wav(path: str | os.PathLike, audio: Any, sample_rate: int) -> None:
    """Writes `wav_bytes(audio, sample_rate)` to `path`, whole or not at all.

    Parent directories are made. The file appears under its name only when it is complete, so that
    an interrupted run leaves no half of one.
    """
    write_bytes_atomically(path, wav_bytes(audio, sample_rate))
