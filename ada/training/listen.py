"""Clips to listen to while a model trains."""

import keras
import numpy as np

from ada.data import Dataset
from ada.generation import Draws, decode_codes, generate_level, make_sampler
from ada.generation.chain import ids_per_conditioning_step
from ada.generation.level import block_steps
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
        self._draws = Draws(seed)
        # Compiled once, not at every validation.
        length = block_steps(ids_per_conditioning_step(model))
        self._sampler = make_sampler(model.local_model, 1, length)

    def __call__(self) -> dict[str, np.ndarray]:
        """Returns audio `[samples]` by name."""
        if not self._num_steps:
            return {}
        if self._model.quantizer is None:
            drawn = generate_level(
                self._model, 1, self._num_steps, self._draws, sampler=self._sampler
            )
            return {"sample": self._info.ids_to_audio(drawn.ids[0])}
        length = int(self._dataset.index("validation").lengths[0])
        # From the middle of the first source: beginnings are often silent.
        start = max((length - self._num_steps) // 2, 0)
        stored = self._dataset.read("validation", 0, start, min(self._num_steps, length))
        ids = self._info.to_ids()(stored)[np.newaxis]
        clips = {"original": np.asarray(self._info.ids_to_audio(ids.numpy()[0]))}
        if self._model.num_codes:
            codes = self._model.encode(ids).numpy()
            drawn = decode_codes(
                self._model, codes, ids.shape[1], self._draws, sampler=self._sampler
            )
            clips["reconstruction"] = self._info.ids_to_audio(drawn.ids[0])
        return clips
