"""What there is to know of a model before training it: size, fields, rates, memory."""

from collections.abc import Sequence

import keras
import numpy as np

from ada.layers import Field
from ada.models import AutoregressiveDiscreteAutoencoder, WaveNet


def describe(
    model: keras.Model,
    sample_rate: int | None,
    hop_length: int,
    crop: tuple[int, int] | None = None,
) -> str:
    """Lines of text on a built model.

    Args:
      model: a built model.
      sample_rate: of the audio, Hz; None where unknown (a prior without its codes).
      hop_length: audio samples to one id.
      crop: (batch_size, crop_steps) of training, for the memory estimate.
    """
    rate = None if sample_rate is None else sample_rate / hop_length
    lines = [f"{type(model).__name__}: {model.count_params():,} parameters"]
    for part, count in _parts(model):
        lines.append(f"  {part:<14}{count:>14,}")
    network = model.local_model
    lines.append(
        f"layers: {network.num_stacks} x {network.layers_per_stack}, kernel {network.kernel_size}, "
        f"dilations 1..{2 ** (network.layers_per_stack - 1)}, residual "
        f"{network.residual_channels}, skip {network.skip_channels}"
    )
    lines.append(f"receptive field: {_steps(model.receptive_field, rate)}")
    if isinstance(model, AutoregressiveDiscreteAutoencoder):
        hop = model.hop_length
        lines.append(f"encoder sees: {_field(model.encoder.field, rate)}")
        code_rate = None if rate is None else rate / hop
        lines.append(f"modulator sees: {_field(model.modulator.field, code_rate)}, in codes")
        if model.num_codes:
            bits = np.log2(model.num_codes)
            lines.append(f"codes: {model.num_codes} ({bits:g} bits), one every {hop} ids")
            if code_rate is not None:
                lines.append(f"code rate: {code_rate:g} a second, {code_rate * bits:g} bits/s")
    if crop is not None:
        memory = training_memory_bytes(model, *crop) / 2**30
        lines.append(
            f"training memory, estimated: {memory:.2f} GiB for {crop[0]} crops of {crop[1]} ids"
        )
    return "\n".join(lines)


def describe_system(
    levels: Sequence[tuple[str, keras.Model, tuple[int, int]]], sample_rate: int
) -> str:
    """Lines of text on a system: its own receptive field, then each of its levels.

    Args:
      levels: (name, built model, crop) from the bottom to the top.
      sample_rate: of the audio, Hz.
    """
    parts, hop = [], 1
    for name, model, crop in levels:
        parts.append(f"\n{name}\n{describe(model, sample_rate, hop, crop)}")
        field = model.receptive_field * hop
        hop *= model.hop_length
    names = ", ".join(name for name, _, _ in levels)
    head = (
        f"{len(levels)} level{'s' if len(levels) > 1 else ''}, from the bottom up: {names}\n"
        f"receptive field of the system, the top model's times the hops below: {field} samples, "
        f"{1000 * field / sample_rate:.0f} ms"
    )
    return "\n".join([head, *parts])


def training_memory_bytes(model: keras.Model, batch_size: int, crop_steps: int) -> int:
    """Estimates the memory of a training step: weights with optimizer, and kept activations.

    Every value is float32. Kept for the backward pass are, for each id and layer, the taps, the
    gates before and after their nonlinearities, their product (twice: once more side by side for
    the skips) and the residual; at the end the skips, the hidden layer and the logits with their
    softmax.
    """
    weights = 5 * sum(int(np.prod(w.shape)) for w in model.weights)
    network = model.local_model
    ids = batch_size * crop_steps
    kept = ids * _wavenet_values_an_id(network)
    if isinstance(model, AutoregressiveDiscreteAutoencoder):
        kept += ids * (model.encoder.embedding.channels * 2)
        codes = ids // model.hop_length
        at_ids = model.encoder.downsampling == "average"
        kept += (ids if at_ids else codes) * 4 * len(model.encoder.blocks) * model.encoder.channels
        kept += codes * 4 * len(model.modulator.blocks) * model.modulator.channels
        kept += codes * len(network.blocks) * 2 * network.residual_channels
    return 4 * (weights + kept)


def _wavenet_values_an_id(network: WaveNet) -> int:
    residual, skip = network.residual_channels, network.skip_channels
    layer = (network.kernel_size + 2 + 2 + 2 + 1) * residual
    return len(network.blocks) * layer + 4 * skip + 3 * network.num_classes


def _parts(model: keras.Model) -> list[tuple[str, int]]:
    if not isinstance(model, AutoregressiveDiscreteAutoencoder):
        return []
    parts = {
        "encoder": model.encoder,
        "to queries": model.to_queries,
        "quantizer": model.quantizer,
        "modulator": model.modulator,
        "local model": model.local_model,
    }
    return [(name, part.count_params()) for name, part in parts.items()]


def _steps(steps: int, rate: float | None) -> str:
    return f"{steps} ids" if rate is None else f"{steps} ids, {1000 * steps / rate:.1f} ms"


def _field(field: Field, rate: float | None) -> str:
    text = f"{field.past} before and {field.future} after its own {field.hop}"
    if rate is None:
        return text
    past, future = (1000 * steps / rate for steps in (field.past, field.future))
    return f"{text} ({past:.1f} ms back, {future:.1f} ms ahead)"
