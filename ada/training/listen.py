"""Clips to listen to while a model trains."""

import keras
import numpy as np

from ada.data import Dataset
from ada.generation import Draws, Level, generate_level
from ada.runs import RunInfo


class Listener:
    """Short clips of an audio model: an original and its reconstruction, or a sample.

    Args:
      model: built; the weights that it has when it is listened to are heard.
      dataset: whose validation split the original comes from.
      info: of the run; models of codes have nothing to listen to.
      secs: length of a clip; 0 for none.
      seed: of the draws.
    """

    def __init__(
        self, model: keras.Model, dataset: Dataset, info: RunInfo, secs: float, seed: int
    ) -> None:
        self._model, self._dataset, self._info = model, dataset, info
        self._num_steps = round(secs * info.sample_rate) if info.kind == "audio" else 0
        # Compiled once, not at every validation.
        self._level = Level(model, Draws(seed))

    def __call__(self) -> dict[str, np.ndarray]:
        """Returns audio `[samples]` by name."""
        if not self._num_steps:
            return {}
        if self._model.quantizer is None:
            ids, _ = generate_level(self._level, 1, self._num_steps)
            return {"sample": self._info.ids_to_audio(ids[0])}
        length = int(self._dataset.index("validation").lengths[0])
        # From the middle of the first source: beginnings are often silent.
        start = max((length - self._num_steps) // 2, 0)
        stored = self._dataset.read("validation", 0, start, min(self._num_steps, length))
        ids = self._info.to_ids()(stored)[np.newaxis]
        clips = {"original": np.asarray(self._info.ids_to_audio(ids.numpy()[0]))}
        if self._model.num_codes:
            codes = self._model.encode(ids).numpy()
            drawn, _ = generate_level(self._level, 1, ids.shape[1], codes=codes)
            clips["reconstruction"] = self._info.ids_to_audio(drawn[0])
        return clips
