"""Decoding with libsndfile, the default."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf

from ada.audio.containers import SampleData, check_complete, check_file, is_cut_in_header
from ada.audio.errors import AudioError
from ada.audio.mpeg import find_first_frame, length_frame

# A FLAC file written to a pipe does not know its length; libsndfile then says 2^63 - 1.
_UNKNOWN_FRAMES = 1 << 62
_MPEG_FRAME = 1152
# Of a block, over all channels: a header may claim a thousand channels at a million Hz.
_MAX_BLOCK_SAMPLES = 2**24


class SoundFileDecoder:
    """Decodes an audio file block by block.

    Attributes:
      sample_rate: of the file, in Hz.
      channels: of the file.
      subtype: libsndfile's name of the encoding, such as "PCM_16" or "VORBIS".

    Raises:
      AudioError: on construction or from `blocks`.
    """

    def __init__(self, path: str) -> None:
        check_file(path)
        self._path = path
        data = check_complete(path)
        self._source = _patched_wav(path, data) if data and data.zero_length else None
        self._file = self._open()
        self._num_declared = self._declared_frames()
        self.sample_rate = self._file.samplerate
        self.channels = self._file.channels
        self.subtype = self._file.subtype

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]` until the end of the file."""
        wanted = round(block_secs * self.sample_rate)
        block_frames = max(1, min(wanted, _MAX_BLOCK_SAMPLES // self.channels))
        num_frames = 0
        while True:
            try:
                block = self._file.read(block_frames, dtype="float32", always_2d=True)
            except sf.LibsndfileError as error:
                secs = num_frames / self.sample_rate
                detail = f"damaged or cut short in the block at {secs:.1f} s ({error.error_string})"
                raise AudioError("truncated", self._path, detail) from error
            if not len(block):
                break
            num_frames += len(block)
            yield block
        if num_frames < self._num_declared:
            detail = f"declares {self._num_declared} samples, decodes to {num_frames}"
            raise AudioError("truncated", self._path, detail)
        if not num_frames and is_cut_in_header(self._path):
            raise AudioError("truncated", self._path, "ends before its first sample")

    def close(self) -> None:
        """Closes the file; may be called again."""
        self._file.close()
        if self._source:
            self._source.close()

    def _open(self) -> "_SequentialFile":
        try:
            # As bytes: not every name is text.
            return _SequentialFile(self._source or os.fsencode(self._path))
        except sf.SoundFileError as error:
            if self._source:
                self._source.close()
            # libsndfile's own message would mislead: for a text file called .mp3 it is "no file".
            if is_cut_in_header(self._path):
                detail = "its header is damaged or cut short"
                raise AudioError("truncated", self._path, detail) from error
            detail = "not in a format that libsndfile reads (WAV, FLAC, OGG, MP3, AIFF and others)"
            raise AudioError("not_audio", self._path, detail) from error

    def _declared_frames(self) -> int:
        """The number of frames that decoding must yield; 0 where the file does not say."""
        kind, frames = self._file.format, self._file.frames
        if kind == "MP3":
            return self._declared_mpeg_frames()
        # The chunks of the other formats have been looked through; of some codecs within them
        # libsndfile only estimates the number of frames.
        return frames if kind in ("FLAC", "OGG") and frames < _UNKNOWN_FRAMES else 0

    def _declared_mpeg_frames(self) -> int:
        if self._file.subtype != "MPEG_LAYER_III":
            return 0
        sample_rate = self._file.samplerate
        with Path(self._path).open("rb") as file:
            first = find_first_frame(file, sample_rate)
        if first is None:
            return 0
        if first.declares_frames:
            # Some encoders count the frame that holds the count.
            slack = 0 if first.declares_samples else _MPEG_FRAME
            return max(0, self._file.frames - slack)
        self._file.close()
        size = Path(self._path).stat().st_size
        head = length_frame(first, sample_rate, size)
        self._source = _SplicedFile(head, self._path, first.offset)
        self._file = self._open()
        return 0


class _SequentialFile(sf.SoundFile):
    """A sound file that is only read from its beginning to its end.

    After every read, `soundfile` seeks to where it already is, which fails at the end of a FLAC
    file of unknown length and loses its last block. Files that cannot seek are spared this.
    """

    def seekable(self) -> bool:
        return False


class _SplicedFile(io.RawIOBase):
    """A file of which the first bytes are replaced: `head`, then the file from `offset` on."""

    def __init__(self, head: bytes, path: str, offset: int) -> None:
        self._head = head
        self._file = Path(path).open("rb")  # noqa: SIM115 - closed in `close`
        self._shift = offset - len(head)
        self._size = self._file.seek(0, io.SEEK_END) - self._shift
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        buffer = memoryview(buffer).cast("B")
        piece = self._head[self._position : self._position + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        num_read = len(piece)
        if num_read < len(buffer):
            self._file.seek(self._position + self._shift)
            count = self._file.readinto(buffer[num_read:])
            self._position += count
            num_read += count
        return num_read

    def close(self) -> None:
        self._file.close()
        super().close()


def _patched_wav(path: str, data: SampleData) -> _SplicedFile | None:
    """A WAV file whose length of 0 is replaced by "until the end"; an AIFF file needs no help."""
    with Path(path).open("rb") as file:
        head = file.read(data.offset)
    if head[:4] == b"FORM":
        return None
    # RF64 would look for the length elsewhere; without it, it is an ordinary WAV file.
    kind = b"RIFX" if data.byteorder == "big" else b"RIFF"
    return _SplicedFile(kind + head[4:-4] + b"\xff\xff\xff\xff", path, data.offset)
