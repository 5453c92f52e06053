"""The paper's kinds of systems at many receptive fields: which models, layers, crops, estimates."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import keras

from ada.config import bindings, configuration
from ada.inspection.cost import training_memory
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.runs.model_json import model_config

SYSTEMS = {
    "WaveNet": "large_wavenet",
    "hop 8": "hop8_vqvae",
    "hop 64": "hop64_vqvae",
    "hops 8 x 8": "vqvae_pbt_vqvae",
}


@dataclass(frozen=True)
class Level:
    """One model of a system and the crop it is trained on; equal if both are.

    Attributes:
      gin_file: of the model.
      gin_params: bindings on top.
      config: what these come to (`ada.runs.model_json.model_config`).
      crop_steps: its own receptive field and what is predicted, in whole codes.
      layers: residual layers of encoder, modulator and WaveNet.
      estimated_bytes: `ada.inspection.cost.training_memory` of one crop.
    """

    gin_file: str = field(compare=False)
    gin_params: tuple[str, ...] = field(compare=False)
    config: str
    crop_steps: int
    layers: int
    estimated_bytes: int


@dataclass(frozen=True)
class System:
    """A chain of models.

    Attributes:
      name: of its kind.
      receptive_field: of the top model times the hops below, in audio samples.
      levels: from the bottom to the top; they are trained one after another.
    """

    name: str
    receptive_field: int
    levels: tuple[Level, ...]

    @property
    def layers(self) -> int:
        """Of all levels."""
        return sum(level.layers for level in self.levels)

    @property
    def estimated_bytes(self) -> int:
        """Of the level that needs most."""
        return max(level.estimated_bytes for level in self.levels)


def systems(
    channels: int, predicted_steps: int, smallest: int, largest: int, every: int
) -> Iterator[System]:
    """Yields systems of all kinds, their receptive fields doubling by the top model's depth.

    Args:
      channels: width of everything.
      predicted_steps: ids in a crop besides the receptive field, at every level.
      smallest: receptive field of a system, in samples.
      largest: the same.
      every: doublings from one system to the next; the last is the largest possible.
    """
    widths = [f"{name}={channels}" for name in ("RESIDUAL_CHANNELS", "SKIP_CHANNELS")]
    coders = f"CODER_CHANNELS={channels}"
    for name, gin_name in SYSTEMS.items():
        *lower, top = bindings.load_system(f"gin/systems/{gin_name}.gin")
        models = [_model(level, [*widths, coders]) for level in lower]
        levels = [
            _level(level, [*widths, coders], model, predicted_steps)
            for level, model in zip(lower, models, strict=True)
        ]
        hops = math.prod(model.hop_length for model in models)
        chosen = []
        for depth in itertools.count(1):
            params = [*widths, f"LAYERS_PER_STACK={depth}"]
            model = _model(top, params)
            receptive_field = hops * model.receptive_field
            if receptive_field > largest:
                break
            if receptive_field >= smallest:
                chosen.append((receptive_field, params, model))
        for receptive_field, params, model in chosen[::-every][::-1]:
            found = _level(top, params, model, predicted_steps)
            yield System(name, receptive_field, (*levels, found))


def _model(name: str, gin_params: Sequence[str]) -> keras.Model:
    """Without weights: what is asked of most has to do with their form alone."""
    return configuration.load([f"gin/{name}.gin"], gin_params).model()


def _level(name: str, gin_params: Sequence[str], model: keras.Model, predicted_steps: int) -> Level:
    model.build()
    wanted = model.receptive_field + predicted_steps
    crop_steps = -(-wanted // model.hop_length) * model.hop_length
    settings = configuration.load([f"gin/{name}.gin"], gin_params)
    settings = dataclasses.replace(settings, batch_size=1, crop_steps=crop_steps)
    layers = len(model.local_model.blocks)
    if isinstance(model, AutoregressiveDiscreteAutoencoder):
        layers += len(model.encoder.blocks) + len(model.modulator.blocks)
    return Level(
        gin_file=f"gin/{name}.gin",
        gin_params=tuple(gin_params),
        config=model_config(model),
        crop_steps=crop_steps,
        layers=layers,
        estimated_bytes=int(training_memory(model, settings).total),
    )
