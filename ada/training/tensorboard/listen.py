"""Clips of the validation split for TensorBoard: originals, reconstructions, samples."""

import keras
import numpy as np

from ada.data import Dataset
from ada.generation import Level, SamplingConfig, generate_level
from ada.runs.info import RunInfo


class Listener:
    """A short original and its reconstruction, or a sample.

    Args:
      model: built; the weights at the time of the call are used.
      dataset: whose validation split the original comes from.
      info: of the run.
      secs: length of the audio (or of the audio that codes stand for); 0 for none.
      seed: random seed of sampling.
    """

    def __init__(
        self, model: keras.Model, dataset: Dataset, info: RunInfo, secs: float, seed: int
    ) -> None:
        self._model, self._dataset, self._info = model, dataset, info
        self._num_steps = round(secs * info.sample_rate / info.hop_length)
        # Compiled once, not at every validation.
        self._level = Level(model, SamplingConfig(seed))

    def __call__(self) -> dict[str, np.ndarray]:
        """Returns ids `[steps]` by name; "codes" are the autoencoder's own, fewer."""
        if not self._num_steps:
            return {}
        length = int(self._dataset.index("validation").lengths[0])
        # From the middle of the first source: beginnings are often silent.
        start = max((length - self._num_steps) // 2, 0)
        stored = self._dataset.read("validation", 0, start, min(self._num_steps, length))
        ids = self._info.to_ids()(stored)[np.newaxis]
        clips = {"original": ids.numpy()[0]}
        if self._model.quantizer is None:
            drawn, _ = generate_level(self._level, 1, ids.shape[1])
            clips["sample"] = drawn[0]
        elif self._model.num_codes:
            codes = self._model.encode(ids).numpy()
            drawn, _ = generate_level(self._level, 1, ids.shape[1], codes=codes)
            clips |= {"reconstruction": drawn[0], "codes": codes[0]}
        return clips
