"""How many bits a chain of runs spends at every sample of whole pieces."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.data import Dataset
from ada.data.pipeline import ToIds
from ada.runs.chain import Chain

PIECES_AT_ONCE = 8


class Scores(NamedTuple):
    """Bits a sample at every place of every piece.

    Attributes:
      total: float64 `[pieces, piece_steps]`, of all levels together: an upper bound on -log2 p(x).
      codes: the part of it that codes cost, each code's spread over the samples it stands for.
    """

    total: np.ndarray
    codes: np.ndarray


def read_pieces(dataset: Dataset, split: str, to_ids: ToIds) -> np.ndarray:
    """Ids of a split's pieces, which are all of one length: int32 `[pieces, piece_steps]`."""
    pieces = [dataset.read(split, number) for number in range(len(dataset.sources(split)))]
    return to_ids(tf.constant(np.stack(pieces))).numpy()


def score(chain: Chain, ids: np.ndarray) -> Scores:
    """Scores whole pieces, each from its first sample, so that every level has all its context.

    Args:
      chain: from a prior down to audio.
      ids: int32 `[pieces, piece_steps]`.
    """
    models = [chain.load_model(level) for level in range(len(chain.runs))]
    rows = range(0, len(ids), PIECES_AT_ONCE)
    parts = [_score(models, ids[i : i + PIECES_AT_ONCE]) for i in rows]
    return Scores(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _score(models: list, ids: np.ndarray) -> Scores:
    steps, hop = ids.shape[1], 1
    total, codes = np.zeros(ids.shape), np.zeros(ids.shape)
    for model in reversed(models):
        below = ids
        if model.quantizer is None:
            log_prob = model.log_prob(below)
        else:
            ids = model.encode(below).numpy()
            log_prob = model.log_prob(below, ids)
        bits = np.repeat(-log_prob.numpy() / np.log(2.0) / hop, hop, axis=1)[:, :steps]
        total += bits
        if hop > 1:
            codes += bits
        hop *= model.hop_length
    return Scores(total, codes)
