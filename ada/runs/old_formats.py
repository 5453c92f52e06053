"""Conversion of files by older versions: configurations of models, and checkpoints."""

from typing import Any

import keras
import tensorflow as tf

from ada.quantizers import ArgmaxQuantizer

# Options of quantisers and WaveNets that are `train.hooks` now: no part of the trained model.
_MOVED = {
    "warmup_steps",
    "init_from_data",
    "restart_every",
    "input_replacement",
    "input_replacement_steps",
}


def upgraded(config: Any) -> Any:
    """A model configuration (parsed `model.json`) as this version writes it."""
    if isinstance(config, list):
        return [upgraded(item) for item in config]
    if not isinstance(config, dict):
        return config
    original, config = config, {key: upgraded(value) for key, value in config.items()}
    if "class_name" in config and isinstance(config.get("config"), dict):
        config["class_name"], config["config"] = _upgraded(
            config["class_name"], config["config"], original["config"]
        )
        if config.get("registered_name"):
            config["registered_name"] = f"ada>{config['class_name']}"
    return config


def _upgraded(
    name: str, options: dict[str, Any], original: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    if name == "CodeFrontEnd":
        # Its copy of the quantiser had what restarts and moving averages need, two entries each.
        below = original["quantizer"]["config"]
        state = [bool(below.get("restart_every")), below.get("ema_decay") is not None]
        options = {"skipped_copies": 2 * sum(state)} | options
    options = {key: value for key, value in options.items() if key not in _MOVED}
    # Moving averages were a codebook that is not trained.
    if options.pop("ema_decay", None) is not None:
        options |= {"trainable": False, "codebook_weight": 0.0}
    if options.pop("normalize", False):
        name = "UnitLengthVectorQuantizer"
    return name, options


class OldScale:
    """The factor of the activations before the softmax of an AMAE, by older versions.

    Attributes:
      checkpoint: restores it; 1 from a checkpoint that has none.
    """

    def __init__(self) -> None:
        self._value = tf.Variable(1.0, trainable=False)
        quantizer = tf.train.Checkpoint(scale=self._value)
        self.checkpoint = tf.train.Checkpoint(model=tf.train.Checkpoint(quantizer=quantizer))

    def fold_into(self, model: keras.Model) -> None:
        """Multiplies the layer that makes the activations by it."""
        if isinstance(model.quantizer, ArgmaxQuantizer):
            for weight in model.to_queries.weights:
                weight.assign(weight * self._value)
