"""Decoding with tensorflow-io: WAV, FLAC, OGG (Vorbis) and MP3.

The last release of tensorflow-io, 0.37.1, loads its audio kernels only under TensorFlow 2.16 and
2.17; the extra `[tfio]` installs a pair that works. `AudioIOTensor` decodes lazily, slice by slice,
so that this decoder streams as the other one does. FFmpeg (`ada.audio.pyav_decoder`) reads more
formats and more variants of these, and is the default.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ada.audio.endings import check_file, find_audio
from ada.audio.errors import AudioError, DecoderUnavailableError
from ada.audio.pyav_decoder import PyavDecoder

# tensorflow-io widens integers to the left: full scale is that of the type.
_SCALES = {"uint8": (128.0, 2.0**7), "int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31)}


class TfioDecoder:
    """Decodes an audio file block by block.

    Attributes:
      sample_rate: of the file, in Hz.
      channels: of the file.
      codec: the type that tensorflow-io decodes to, such as "int16"; it does not tell more.
      notes: what is unusual about the file.

    Raises:
      AudioError: on construction or from `blocks`.
      DecoderUnavailableError: tensorflow-io is not installed or does not work.
    """

    def __init__(self, path: str) -> None:
        check_file(path)
        found = find_audio(path)
        self.notes = list(found.notes)
        self._path = path
        self._tf, open_audio = _load()
        if found.sections[0].patches or found.sections[0].start or len(found.sections) > 1:
            # tensorflow-io takes lengths at their word, and ends the process.
            detail = "tensorflow-io does not read files joined or without length; use decoder pyav"
            raise AudioError("unreadable", path, detail)
        try:
            self._audio = open_audio(path)
        except NotImplementedError as error:
            raise _unavailable(error) from error
        except self._tf.errors.OpError as error:
            # Where FFmpeg does not read it either, it says why.
            PyavDecoder(path, found).close()
            detail = f"tensorflow-io does not read it ({_message(error)}); use decoder pyav"
            raise AudioError("unreadable", path, detail) from error
        self._num_frames, self.channels = (int(n) for n in self._audio.shape)
        self.sample_rate = int(self._audio.rate)
        self.codec = self._audio.dtype.name
        if not self._num_frames:
            self.close()
            raise AudioError("empty", path, "tensorflow-io finds no samples in it")
        if self.codec == "float32" and _has_32_bit_integers(path):
            # It would read the bits of the integers as floats.
            self.close()
            detail = "tensorflow-io does not read 32-bit integers; use decoder pyav"
            raise AudioError("unreadable", path, detail)

    def blocks(self, block_secs: float) -> Iterator[np.ndarray]:
        """Yields float32 `[frames, channels]` until the end of the file."""
        block_frames = max(1, round(block_secs * self.sample_rate))
        zero, full_scale = _SCALES.get(self.codec, (0.0, 1.0))
        for start in range(0, self._num_frames, block_frames):
            stop = min(start + block_frames, self._num_frames)
            try:
                block = self._audio[start:stop].numpy()
            except self._tf.errors.OpError as error:
                raise self._truncated(start, _message(error)) from error
            if len(block) < stop - start:
                raise self._truncated(start + len(block), "no more samples")
            yield ((block - np.float64(zero)) / full_scale).astype(np.float32)

    def close(self) -> None:
        """Releases the file; may be called again."""
        self._audio = None

    def _truncated(self, num_frames: int, why: str) -> AudioError:
        secs = num_frames / self.sample_rate
        detail = f"damaged or cut short in the block at {secs:.1f} s ({why})"
        return AudioError("truncated", self._path, detail)


def _load() -> tuple[Any, Any]:
    """Returns the modules `tensorflow` and the class AudioIOTensor of tensorflow-io."""
    try:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of what the error below says
            import tensorflow_io as tfio

            return tf, tfio.audio.AudioIOTensor
    except (ImportError, NotImplementedError, AttributeError) as error:
        raise _unavailable(error) from error


def _message(error: Any) -> str:
    """The message of an operation's error, without the names of operation and device."""
    return re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*?\]", "", error.message)


def _unavailable(error: Exception) -> DecoderUnavailableError:
    why = " ".join(str(error).split())
    return DecoderUnavailableError(
        "decoder 'tfio' needs tensorflow-io 0.37.1 on TensorFlow 2.16 or 2.17: install the extra "
        f"[tfio] in an environment of its own, or use decoder 'pyav' ({why[:200]})"
    )


def _has_32_bit_integers(path: str) -> bool:
    """Whether a file is a WAV file of integers."""
    with Path(path).open("rb") as file:
        head = file.read(4096)
    at = head.find(b"fmt ")
    if head[:4] != b"RIFF" or at < 0:
        return False
    # The format tag; 0xFFFE means that it is 24 bytes further on.
    tag = head[at + 8 : at + 10]
    return (head[at + 32 : at + 34] if tag == b"\xfe\xff" else tag) == b"\x01\x00"
