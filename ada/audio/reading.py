"""Reading audio files: decode, mix down, cut out what is not finite, resample; block by block."""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import soxr

from ada.audio.errors import AudioError
from ada.audio.soundfile_decoder import SoundFileDecoder
from ada.audio.tfio_decoder import TfioDecoder

_RESAMPLING_QUALITY = "VHQ"
# Beyond any scale of integers: garbage, and the resampler would overflow.
_LARGEST_AMPLITUDE = 2.0**40
# A stretch next to a cut that is shorter is no music and is cut as well.
_SHORTEST_SEGMENT_SECS = 0.01
_SAMPLE_RATES = (1_000, 1_000_000)


class Decoder(Protocol):
    """What a decoder offers; its constructor takes the path."""

    sample_rate: int
    channels: int
    subtype: str

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]`, full scale at 1."""

    def close(self) -> None:
        """Closes the file."""


DECODERS: dict[str, type[Decoder]] = {"soundfile": SoundFileDecoder, "tfio": TfioDecoder}


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
      subtype: encoding of the file, such as "PCM_16" or "VORBIS".
      num_cuts: stretches cut out so far; final when the stream is exhausted, as is `cut_secs`.
    """

    def __init__(
        self, path: str | os.PathLike, sample_rate: int, decoder: str, block_secs: float
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
        self.subtype = self._decoder.subtype
        self._blocks = self._resampled(block_secs)
        if not _SAMPLE_RATES[0] <= self.source_sample_rate <= _SAMPLE_RATES[1]:
            self.close()
            detail = f"claims a sample rate of {self.source_sample_rate} Hz"
            raise AudioError("not_audio", self.path, detail)
        self.num_cuts = 0
        self._cut_frames = 0

    @property
    def cut_secs(self) -> float:
        """How much was cut out so far, in seconds."""
        return self._cut_frames / self.source_sample_rate

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
        for mono in map(_mix_down, blocks):
            num_frames += len(mono)
            finite = np.abs(mono) < _LARGEST_AMPLITUDE  # False for NaN
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
            detail = "no sample is a finite number" if num_frames else "the file has no samples"
            raise AudioError("not_finite" if num_frames else "empty", self.path, detail)


def stream_audio(
    path: str | os.PathLike,
    sample_rate: int,
    *,
    decoder: str = "soundfile",
    block_secs: float = 10.0,
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
      decoder: "soundfile", or "tfio" for tensorflow-io (see `ada.audio.tfio_decoder`).
      block_secs: how much to decode at a time. The blocks yielded are about as long.

    Returns:
      An iterator of `AudioBlock`, usable once; also a context manager.

    Raises:
      AudioError: the file cannot be used. Damage within a file shows only while iterating, so that
        blocks already received may have to be thrown away.
      DecoderUnavailableError: tensorflow-io is asked for and does not work here.
    """
    return AudioStream(path, sample_rate, decoder, block_secs)


def read_audio(
    path: str | os.PathLike,
    sample_rate: int,
    *,
    decoder: str = "soundfile",
    max_secs: float | None = None,
) -> np.ndarray:
    """Returns a file as mono float32 `[samples]`, its segments joined; see `stream_audio`.

    No more of it is decoded than the first `max_secs`; None for all.
    """
    wanted = None if max_secs is None else round(max_secs * sample_rate)
    pieces, length = [np.zeros(0, np.float32)], 0
    with stream_audio(path, sample_rate, decoder=decoder) as stream:
        for block in stream:
            pieces.append(block.samples)
            length += len(block.samples)
            if wanted is not None and length >= wanted:
                break
    return np.concatenate(pieces)[:wanted]


def _mix_down(block: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return block.mean(axis=1, dtype=np.float32)
