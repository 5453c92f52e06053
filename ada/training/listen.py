"""Clips to listen to while a model trains."""

import keras
import numpy as np

from ada.data import Dataset
from ada.generation import Draws, decode_codes, generate_level
from ada.runs import RunInfo


def summary_clips(
    model: keras.Model, dataset: Dataset, info: RunInfo, secs: float, seed: int
) -> dict[str, np.ndarray]:
    """Short clips of an audio model: an original and its reconstruction, or a sample.

    Args:
      model: built, with the weights to listen to.
      dataset: whose validation split the original comes from.
      info: of the run; models of codes have nothing to listen to.
      secs: length of a clip; 0 for none.
      seed: of the draws.

    Returns:
      Audio `[samples]` by name.
    """
    if info.kind != "audio" or not secs:
        return {}
    num_steps = round(secs * info.sample_rate)
    if not hasattr(model, "quantizer"):
        ids, _ = generate_level(model, 1, num_steps, Draws(seed))
        return {"sample": info.ids_to_audio(ids[0])}
    length = int(dataset.index("validation").lengths[0])
    # From the middle of the first source: beginnings are often silent.
    start = max((length - num_steps) // 2, 0)
    stored = dataset.read("validation", 0, start, min(num_steps, length))
    ids = info.to_ids()(stored)[np.newaxis]
    clips = {"original": np.asarray(info.ids_to_audio(ids.numpy()[0]))}
    if model.num_codes:
        drawn, _ = decode_codes(model, model.encode(ids).numpy(), ids.shape[1], Draws(seed))
        clips["reconstruction"] = info.ids_to_audio(drawn[0])
    return clips
