"""Errors of audio files, and notes about unusual files that can be read."""

import os
from typing import NamedTuple


class AudioError(Exception):
    """An audio file cannot be used; one line says which and why.

    Attributes:
      reason: a stable category, one of `REASONS`.
      path: the file, as it was named.
      detail: the explanation.
    """

    REASONS = (
        "empty",  # no bytes, or no samples
        "not_audio",  # not a format that the decoder reads
        "truncated",  # cut short or damaged: holds less than it declares
        "unreadable",  # missing, a directory, no permission, a layout that no decoder follows
        "out_of_scale",  # floats at the scale of integers
        "too_short",  # raised by the data preparation
        "silent",  # raised by the data preparation
        "not_finite",  # nothing but NaN and infinity
    )

    def __init__(self, reason: str, path: str | os.PathLike, detail: str) -> None:
        # All three go to Exception: a worker process must be able to pickle what it raises.
        super().__init__(reason, os.fspath(path), " ".join(str(detail).split()))
        if reason not in self.REASONS:
            raise ValueError(f"AudioError: reason must be one of {self.REASONS}, got {reason!r}.")

    reason = property(lambda self: self.args[0])
    path = property(lambda self: self.args[1])
    detail = property(lambda self: self.args[2])

    def __str__(self) -> str:
        return f"{self.path}: {self.reason.replace('_', ' ')}: {self.detail}"


class AudioNote(NamedTuple):
    """Something unusual about a file that is read all the same.

    Attributes:
      kind: a stable category:
        "clipped": samples beyond full scale, limited when they become integers;
        "cancelling": channels that cancel when they are averaged; one of them is used;
        "no_end_mark": the format marks the end of a file, and this file lacks the mark;
        "wrong_count": the file is whole, but holds more or less than its header says;
        "joined": several files in a row, all of them read;
        "tracks": several audio tracks, of which one is read;
        "extra_bytes": bytes outside of the audio, skipped;
        "unknown_end": a file that does not state its length, and would look whole if it were cut.
      detail: the explanation.
    """

    kind: str
    detail: str


def unknown_end(kind: str) -> AudioNote:
    """The note on a file whose end cannot be checked."""
    return AudioNote("unknown_end", f"this {kind} file states no length: a cut may not show")


class DecoderUnavailableError(RuntimeError):
    """The decoder asked for is not installed, or does not work with this TensorFlow."""
