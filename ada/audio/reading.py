"""Reading audio files: decode, mix down, cut out what is not finite, resample; block by block."""

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import soxr

from ada.audio.endings import check_file, find_audio
from ada.audio.errors import AudioError, AudioNote
from ada.audio.mixing import Mixer
from ada.audio.pyav_decoder import PyavDecoder
from ada.audio.soundfile_decoder import SoundFileDecoder
from ada.audio.tfio_decoder import TfioDecoder

_RESAMPLING_QUALITY = "VHQ"
# A stretch next to a cut that is shorter is no music and is cut as well.
_SHORTEST_SEGMENT_SECS = 0.01
# Formats with encodings that FFmpeg does not know.
_LIBSNDFILE_FORMATS = {"AIFF", "AU", "MAT4", "MAT5", "MPC2K", "PAF", "SDS", "WAV", "WVE", "XI"}
_SAMPLE_RATES = (1_000, 1_000_000)


class Decoder(Protocol):
    """The interface of decoders; the constructor takes the path."""

    sample_rate: int
    channels: int
    codec: str
    notes: list[AudioNote]

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]`, full scale at 1."""

    def close(self) -> None:
        """Closes the file."""


def _open_default(path: str) -> Decoder:
    """FFmpeg, and libsndfile where it reads more, or the same faster."""
    check_file(path)
    contents = find_audio(path)
    if contents.for_libsndfile:
        with contextlib.suppress(AudioError):
            return SoundFileDecoder(path, contents)
    try:
        return PyavDecoder(path, contents)
    except AudioError as error:
        if error.reason == "empty":
            raise
        try:
            return SoundFileDecoder(path, contents, only=_LIBSNDFILE_FORMATS)
        except AudioError:
            raise error from None


DECODERS: dict[str, Callable[[str], Decoder]] = {"pyav": _open_default, "tfio": TfioDecoder}


class AudioBlock(NamedTuple):
    """A piece of a file.

    Attributes:
      samples: mono float32 `[samples]` at the sample rate asked for.
      segment: number of the stretch between two cuts that the piece belongs to, from 0.
    """

    samples: np.ndarray
    segment: int


class AudioStream(Iterator[AudioBlock]):
    """The blocks of an audio file, in order, once. See `stream_audio`.

    Attributes:
      path: of the file.
      sample_rate: of the blocks, in Hz.
      source_sample_rate: of the file, in Hz.
      channels: of the file, before they are mixed down.
      codec: encoding of the file, such as "pcm_s16le" or "vorbis".
      num_cuts: segments cut out so far; final when the stream is exhausted, as is the rest.
      peak: largest magnitude of the samples.
      num_clipped: samples beyond full scale.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        sample_rate: int,
        decoder: str,
        block_secs: float,
        channel: int | None,
    ) -> None:
        if sample_rate <= 0 or block_secs <= 0:
            raise ValueError(
                f"stream_audio: sample_rate and block_secs must be positive, got {sample_rate} "
                f"and {block_secs}."
            )
        if decoder not in DECODERS:
            raise ValueError(f"decoder must be one of {sorted(DECODERS)}, got {decoder!r}.")
        self.path = os.fspath(path)
        self.sample_rate = sample_rate
        self._decoder = DECODERS[decoder](self.path)
        self.source_sample_rate = self._decoder.sample_rate
        self.channels = self._decoder.channels
        self.codec = self._decoder.codec
        self._channel = channel
        self._blocks = self._resampled(block_secs)
        if not _SAMPLE_RATES[0] <= self.source_sample_rate <= _SAMPLE_RATES[1]:
            self.close()
            detail = f"claims a sample rate of {self.source_sample_rate} Hz"
            raise AudioError("not_audio", self.path, detail)
        self.num_cuts = self.num_clipped = self._num_samples = self._cut_frames = 0
        self.peak = 0.0
        self._mixer = Mixer(self.path, self.channels, channel)

    @property
    def cut_secs(self) -> float:
        """Seconds that were cut out so far."""
        return self._cut_frames / self.source_sample_rate

    @property
    def better_channel(self) -> int | None:
        """The loudest channel if the channels cancel each other when they are averaged."""
        return self._mixer.better_channel

    @property
    def notes(self) -> tuple[AudioNote, ...]:
        """Notes about anything unusual in the file."""
        notes = [*self._decoder.notes]
        if self._channel is not None:
            detail = f"its channels cancel when averaged: only channel {self._channel} is used"
            notes.append(AudioNote("cancelling", detail))
        if self.num_clipped:
            share = 100 * self.num_clipped / self._num_samples
            notes.append(
                AudioNote(
                    "clipped",
                    f"{self.num_clipped} samples ({share:.2g} %) lie beyond full scale and are "
                    f"clipped; the peak is {self.peak:.2f}",
                )
            )
        return tuple(notes)

    def __next__(self) -> AudioBlock:
        return next(self._blocks)

    def __enter__(self) -> "AudioStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file early; an exhausted stream has closed itself."""
        self._decoder.close()
        self._blocks.close()  # the resampler is not kept by whoever keeps the stream

    def _resampled(self, block_secs: float) -> Iterator[AudioBlock]:
        rates = self.source_sample_rate, self.sample_rate
        resampler = soxr.ResampleStream(*rates, 1, "float32", _RESAMPLING_QUALITY)
        segment = 0
        try:
            for samples, ends in self._finite(self._decoder.blocks(block_secs)):
                if rates[0] != rates[1]:
                    samples = resampler.resample_chunk(samples, last=ends)
                if len(samples):
                    self._measure(samples)
                    yield AudioBlock(samples, segment)
                if ends:
                    resampler.clear()
                    segment += 1
        finally:
            self._decoder.close()

    def _finite(self, blocks: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
        """Yields (mono samples, whether the segment ends with them)."""
        shortest = round(_SHORTEST_SEGMENT_SECS * self.source_sample_rate)
        held = nothing = np.zeros(0, np.float32)  # start of a segment that is still too short
        num_frames, started, cutting = 0, False, False
        for block in blocks:
            mono, finite = self._mixer.mix(block)
            num_frames += len(mono)
            edges = np.flatnonzero(finite[1:] != finite[:-1]) + 1
            for start, stop in pairwise((0, *edges, len(mono))):
                if finite[start]:
                    held = np.concatenate([held, mono[start:stop]])
                    if started or len(held) >= shortest:
                        yield held, False
                        held, started, cutting = nothing, True, False
                else:
                    if started:
                        yield nothing, True
                    self._cut_frames += stop - start + len(held)
                    self.num_cuts += not cutting
                    held, started, cutting = nothing, False, True
        if started or (len(held) and not cutting):
            yield held, True
        else:
            self._cut_frames += len(held)
        if self._cut_frames == num_frames:
            detail = "every sample is NaN, infinite or beyond 2^40 times full scale in some channel"
            detail = detail if num_frames else "the file has no samples"
            raise AudioError("not_finite" if num_frames else "empty", self.path, detail)

    def _measure(self, samples: np.ndarray) -> None:
        self._num_samples += len(samples)
        peak = float(max(-samples.min(), samples.max()))
        self.peak = max(self.peak, peak)
        if peak > 1.0:
            self.num_clipped += int(np.count_nonzero(np.abs(samples) > 1.0))


def stream_audio(
    path: str | os.PathLike,
    sample_rate: int,
    *,
    decoder: str = "pyav",
    block_secs: float = 10.0,
    channel: int | None = None,
) -> AudioStream:
    """Decodes an audio file block by block, in memory that does not grow with its length.

    Channels are averaged. Stretches of NaN or infinity are cut out; what lies between two cuts is a
    segment and is resampled on its own, so that nothing rings across a cut. The blocks of a segment
    joined together are, bit for bit, the segment resampled in one piece.

        with stream_audio("song.flac", 16000) as stream:
            for samples, segment in stream:
                ...
        print(stream.cut_secs)

    Args:
      path: the file.
      sample_rate: of the result, in Hz.
      decoder: "pyav" for FFmpeg, or "tfio" for tensorflow-io (see `ada.audio.tfio_decoder`).
      block_secs: how much to decode at a time. The blocks yielded are about as long.
      channel: the one to take in place of the average, see `AudioStream.better_channel`.

    Returns:
      An iterator of `AudioBlock`, usable once; also a context manager.

    Raises:
      AudioError: the file cannot be used. Damage within a file shows only while iterating, so that
        blocks already received may have to be thrown away.
      DecoderUnavailableError: tensorflow-io is asked for and does not work here.
    """
    return AudioStream(path, sample_rate, decoder, block_secs, channel)


def read_audio(
    path: str | os.PathLike,
    sample_rate: int,
    *,
    decoder: str = "pyav",
    max_secs: float | None = None,
    on_note: Callable[[AudioNote], None] = lambda note: None,
) -> np.ndarray:
    """Returns a file as mono float32 `[samples]`, its segments joined; see `stream_audio`.

    Where the channels cancel, the loudest is taken instead of their average.

    Args:
      path: the file.
      sample_rate: of the result, in Hz.
      decoder: "pyav" or "tfio".
      max_secs: how much of the beginning to decode; None for all.
      on_note: is called with what is unusual about the file.

    Raises:
      AudioError: the file cannot be used.
    """
    wanted = None if max_secs is None else round(max_secs * sample_rate)
    channel = None
    while True:
        pieces, length = [np.zeros(0, np.float32)], 0
        with stream_audio(path, sample_rate, decoder=decoder, channel=channel) as stream:
            for block in stream:
                pieces.append(block.samples)
                length += len(block.samples)
                if wanted is not None and length >= wanted:
                    break
        channel = stream.better_channel
        if channel is None:
            for note in stream.notes:
                on_note(note)
            return np.concatenate(pieces)[:wanted]
