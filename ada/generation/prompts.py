"""Prompts: audio as ids, and the codes of each level that it determines."""

import gc
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ada.audio.errors import AudioNote
from ada.audio.reading import read_audio
from ada.audio.writing import pcm16
from ada.extraction.job import SourceEncoder
from ada.generation.lengths import CodeGeometry, codes_inside
from ada.runs.chain import Chain
from ada.runs.info import RunInfo
from ada.utils import log
from ada.utils.progress import progress_bar


def read_prompt(
    path: str | os.PathLike, info: RunInfo, max_secs: float | None = None
) -> np.ndarray:
    """Reads audio as ids of a run that models audio, in the same way as for training.

    Args:
      path: of the file, at any sample rate.
      info: of the run.
      max_secs: length of the beginning to read; None for all.

    Anything unusual about the file, such as clipped samples, is logged as a warning.

    Returns:
      int32 `[steps]`.

    Raises:
      AudioError: if the file cannot be used.
    """

    def warn(note: AudioNote) -> None:
        log.warning(f"{os.fspath(path)}: {note.detail}.")

    audio = read_audio(path, info.sample_rate, max_secs=max_secs, on_note=warn)
    return info.to_ids()(tf.constant(pcm16(audio))).numpy()


def encode_prompts(
    chain: Chain,
    prompts: Sequence[np.ndarray],
    geometry: Sequence[CodeGeometry | None],
    *,
    whole: bool = False,
    progress: bool = True,
) -> list[list[np.ndarray]]:
    """Encodes prompts through the autoencoders of a chain, bottom first, one in memory at a time.

    Args:
      chain: runs, top first.
      prompts: ids of the bottom level, each int32 `[steps]`.
      geometry: of every level (`chain_geometry`).
      whole: whether to keep all codes. Otherwise only codes whose receptive field is within the
        prompt are kept, which do not depend on what follows it.
      progress: whether to show progress bars.

    Returns:
      Ids of every level and prompt, top first: first the codes of the topmost autoencoder, last
      the prompts themselves.
    """
    levels = [list(prompts)]
    for position in reversed(range(len(chain.runs))):
        if geometry[position] is None:
            break
        codes = _encode_level(chain, position, levels[0], progress)
        gc.collect()  # Keras models are reference cycles: free this one before the next is loaded
        if not whole:
            codes = [
                piece[: codes_inside(len(ids), geometry[position])]
                for piece, ids in zip(codes, levels[0], strict=True)
            ]
        levels.insert(0, codes)
    return levels


def _encode_level(
    chain: Chain, position: int, pieces: Sequence[np.ndarray], progress: bool
) -> list[np.ndarray]:
    """Loads one autoencoder and encodes with it."""
    encoder = SourceEncoder(chain.load_model(position))
    desc = f"encoding with {chain.runs[position].directory}"
    nothing = np.zeros(0, np.int32)
    return [
        np.concatenate(
            [nothing, *encoder.blocks(lambda start, length, p=p: p[start : start + length], len(p))]
        )
        for p in progress_bar(pieces, desc=desc, unit="prompt", disable=not progress)
    ]


def pieces_of(pieces: Sequence[np.ndarray], indices: Sequence[int]) -> list[np.ndarray]:
    """The piece of every clip: clip i takes piece i modulo their number."""
    return [pieces[index % len(pieces)] for index in indices]
