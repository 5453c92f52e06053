"""The table of hyperparameters in TensorBoard ("HParams"): a row per run or member.

A row's scores are the scalars `score/...` of the same directory, which the loop writes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api

from ada.training.settings import TrainingSettings
from ada.training.tensorboard.tags import DESCRIPTIONS

_SCORES = ("bits", "best_bits", "perplexity")
_OF_TRAIN = ("num_steps", "batch_size", "crop_steps", "precision", "seed")
_OF_OPTIMIZATION = ("learning_rate", "schedule", "codebook_rate")
_OF_QUANTIZER = {
    "VectorQuantizer": ("num_codes", "codebook_weight", "commitment_weight"),
    "GroupedVectorQuantizer": ("num_codes", "group_length", "commitment_weight"),
    "ArgmaxQuantizer": ("num_codes", "commitment_weight", "diversity_weight"),
}
# TensorBoard takes its columns from the first run that it finds. These are in every training's
# columns, because they are what is searched.
_ALWAYS = tuple(f"VectorQuantizer.{name}" for name in _OF_QUANTIZER["VectorQuantizer"])
# The suffix of files of this module.
_SUFFIX = ".hparams"


def hyperparameters(settings: TrainingSettings, model: keras.Model) -> dict[str, Any]:
    """The main hyperparameters of a training by the names of their gin bindings."""
    values = {"model": type(model).__name__}
    for group, names, holder in (
        ("Optimization", _OF_OPTIMIZATION, settings.optimization),
        ("train", _OF_TRAIN, settings),
    ):
        values |= {f"{group}.{name}": getattr(holder, name) for name in names}
    kind = type(model.quantizer).__name__
    for name in _OF_QUANTIZER.get(kind, ()):
        values[f"{kind}.{name}"] = getattr(model.quantizer, name)
    return values | {
        "parameters": model.count_params(),
        "receptive_field": model.receptive_field,
    }


def write_row(
    directory: str,
    values: Mapping[str, Any],
    columns: Iterable[str] | None = None,
    scalars: Iterable[tuple[int, str, float]] = (),
) -> None:
    """Writes the row of a run, in place of an older one: TensorBoard shows the first it finds.

    Args:
      directory: of the run.
      values: of the hyperparameters, by name.
      columns: names of hyperparameters to show. Default: those, and a vector quantiser's.
      scalars: (step, tag, value) of further scalars.
    """
    for older in Path(directory).glob(f"events.*{_SUFFIX}"):
        older.unlink()
    metrics = [
        api.Metric(f"score/{name}", display_name=name, description=DESCRIPTIONS[f"score/{name}"])
        for name in _SCORES
    ]
    # TensorBoard truncates long names: the distinguishing part comes first.
    path = Path(directory)
    title = f"{path.name} ({path.parent})"
    columns = sorted({*values, *_ALWAYS}) if columns is None else columns
    writer = tf.summary.create_file_writer(str(directory), filename_suffix=_SUFFIX)
    with writer.as_default(0):
        api.hparams_config([api.HParam(name) for name in columns], metrics)
        api.hparams(dict(values), trial_id=title)
        for step, tag, value in scalars:
            tf.summary.scalar(tag, value, step)
    writer.close()
