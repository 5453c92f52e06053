"""Decoding with FFmpeg, through PyAV: the default."""

from collections.abc import Iterator

import numpy as np

from ada.audio.errors import AudioError
from ada.audio.pyav_track import Track, interleaved, planes
from ada.audio.sections import MAX_BLOCK_SAMPLES, Contents, Section


class PyavDecoder:
    """Decodes an audio file block by block.

    Attributes:
      sample_rate: of the file, in Hz.
      channels: of the file.
      codec: FFmpeg's name of the encoding, such as "pcm_s16le" or "vorbis".
      notes: what is unusual about the file; final when `blocks` is exhausted.

    Args:
      path: of the file.
      contents: what `find_audio` says about it.

    Raises:
      AudioError: on construction or from `blocks`.
    """

    def __init__(self, path: str, contents: Contents) -> None:
        self._path = path
        self.notes = list(contents.notes)
        self.sample_rate = self.channels = 0
        self.codec = ""
        self._planes = self._decoded(contents.sections)
        # The decoder knows rate and channels for certain only when it has decoded something.
        self._first = next(self._planes, None)
        if self._first is None:
            raise AudioError("empty", path, "the file has no samples")
        self._width = self.channels if len(self._first) == 1 else 1

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]`, full scale at 1, until the end of the file."""
        wanted = min(block_secs * self.sample_rate, MAX_BLOCK_SAMPLES // self.channels)
        held, length = [self._first], self._first[0].size // self._width
        self._first = None
        for frame in self._planes:
            if length >= wanted:
                yield _as_floats(held, self.channels)
                held, length = [], 0
            held.append(frame)
            length += frame[0].size // self._width
        yield _as_floats(held, self.channels)

    def close(self) -> None:
        """Closes the file; may be called again."""
        self._planes.close()

    def _decoded(self, sections: tuple[Section, ...]) -> Iterator[list[np.ndarray]]:
        """Yields the planes of all frames of all sections."""
        for section in sections:
            track = Track(self._path, section, self.notes)
            for frame in track.frames():
                found = frame.sample_rate, frame.layout.nb_channels
                if not self.sample_rate:
                    self.sample_rate, self.channels = found
                    self.codec = track.codec
                if found != (self.sample_rate, self.channels):
                    raise AudioError(
                        "unreadable",
                        self._path,
                        f"it changes from {self.sample_rate} Hz and {self.channels} channels to "
                        f"{found[0]} Hz and {found[1]} channels: split the file there",
                    )
                yield planes(frame)


def _as_floats(frames: list[list[np.ndarray]], channels: int) -> np.ndarray:
    """Float32 `[frames, channels]`, full scale at 1: exactly the integers up to 24 bits."""
    samples = interleaved(frames, channels)
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            return samples.astype(np.float32, copy=False)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / np.float32(128)
    return samples.astype(np.float32) / np.float32(2.0 ** (8 * samples.itemsize - 1))
