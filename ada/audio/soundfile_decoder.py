"""Decoding with libsndfile.

It takes lengths in headers at their word, so it gets only what `find_audio` found to be regular:
PCM in WAV, which it decodes several times as fast as FFmpeg through PyAV, and Vorbis, of which
FFmpeg trims the wrong end if all of it is in one page. And old formats that FFmpeg does not read.
"""

from collections.abc import Collection, Iterator

import numpy as np
import soundfile as sf

from ada.audio.errors import AudioError, AudioNote, unknown_end
from ada.audio.sections import MAX_BLOCK_SAMPLES, Contents, SectionFile

# Looked through by `find_audio`.
_CHECKED = {"AIFF", "AU", "WAV"}


class SoundFileDecoder:
    """Decodes an audio file block by block; see `PyavDecoder`.

    Attributes:
      codec: libsndfile's name of the encoding in small letters, such as "dwvw_16" or "vorbis".

    Args:
      path: of the file.
      contents: what `find_audio` says about it; only one section is read.
      only: formats to accept, by libsndfile's names; all if None.
    """

    def __init__(self, path: str, contents: Contents, only: Collection[str] | None = None) -> None:
        self._path = path
        self.notes: list[AudioNote] = list(contents.notes)
        self._source = SectionFile(path, contents.sections[0])
        try:
            self._file = _SequentialFile(self._source)
        except sf.SoundFileError as error:
            self._source.close()
            raise AudioError("not_audio", path, "libsndfile does not read it") from error
        if len(contents.sections) > 1 or (only is not None and self._file.format not in only):
            self.close()
            raise AudioError("not_audio", path, f"not for libsndfile: {self._file.format}")
        if only is not None and self._file.format not in _CHECKED:
            self.notes.append(unknown_end(self._file.format))
        self.sample_rate = self._file.samplerate
        self.channels = self._file.channels
        self.codec = self._file.subtype.lower()

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]` until the end of the file."""
        wanted = round(block_secs * self.sample_rate)
        block_frames = max(1, min(wanted, MAX_BLOCK_SAMPLES // self.channels))
        num_frames = 0
        while num_frames < self._file.frames:
            block = self._read(block_frames)
            if not len(block):
                message = f"declares {self._file.frames} samples, decodes to {num_frames}"
                if self._file.format != "OGG" or not num_frames:
                    raise AudioError("truncated", self._path, message)
                # No page is missing: the position in the last one is wrong.
                self.notes.append(AudioNote("wrong_count", message))
                return
            num_frames += len(block)
            yield block

    def _read(self, block_frames: int) -> np.ndarray:
        try:
            return self._file.read(block_frames, dtype="float32", always_2d=True)
        except sf.SoundFileError as error:
            raise AudioError("truncated", self._path, f"damaged or cut short: {error}") from error

    def close(self) -> None:
        """Closes the file; may be called again."""
        self._file.close()
        self._source.close()


class _SequentialFile(sf.SoundFile):
    """A sound file that is only read from its beginning to its end.

    After every read, `soundfile` seeks to where it already is, which some encodings refuse. Files
    that cannot seek are spared this.
    """

    def seekable(self) -> bool:
        return False
