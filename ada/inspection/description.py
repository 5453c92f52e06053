"""Descriptions of models before training: size, receptive fields, rates, memory."""

import dataclasses
import textwrap
from collections.abc import Sequence

import keras
import numpy as np

from ada.data import Dataset
from ada.inspection.cost import GIB, macs_an_id, training_memory
from ada.inspection.estimate import Machine, estimate, line, line_of_all
from ada.layers import Field
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.preparation.report import report
from ada.training import TrainingSettings


def describe(
    model: keras.Model,
    sample_rate: int | None,
    hop_length: int,
    settings: TrainingSettings | None = None,
    machine: Machine | None = None,
    hours: float | None = None,
) -> str:
    """Lines of text on a built model.

    Args:
      model: a built model.
      sample_rate: of the audio, Hz; None where unknown (a prior without its codes).
      hop_length: audio samples to one id.
      settings: of its training, for what a step costs.
      machine: that trains it, for how long that takes.
      hours: of audio to train on.

    Raises:
      UserError: if the batch cannot be divided among the machine's replicas.
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
        lines.append(f"encoder sees: {_field(model.encoder_field, rate)}")
        code_rate = None if rate is None else rate / hop
        lines.append(f"modulator sees: {_field(model.modulator.field, code_rate)}, in codes")
        if model.num_codes:
            group = model.quantizer.group_length
            bits = np.log2(model.num_codes / group)
            of_group = f", {group} codebooks in turn" if group > 1 else ""
            lines.append(f"codes: {model.num_codes} ({bits:g} bits{of_group}), one every {hop} ids")
            if code_rate is not None:
                lines.append(f"code rate: {code_rate:g} a second, {code_rate * bits:g} bits/s")
    if settings is not None:
        lines += _training_lines(model, settings)
        if machine is not None:
            found = estimate(model, settings, machine, rate, hours)
            lines.append(line(found, settings, machine, hours))
    return "\n".join(lines)


def describe_system(
    levels: Sequence[tuple[str, keras.Model, TrainingSettings]],
    sample_rate: int,
    machine: Machine | None = None,
    hours: float | None = None,
) -> str:
    """Lines of text on a system: its own receptive field, then each of its levels.

    Args:
      levels: (name, built model, settings of its training) from the bottom to the top.
      sample_rate: of the audio, Hz.
      machine: that trains it, for how long that takes.
      hours: of audio to train on.
    """
    parts, hop = [], 1
    for name, model, settings in levels:
        about = describe(model, sample_rate, hop, settings, machine, hours)
        parts.append(f"\n{name}\n{about}")
        field = model.receptive_field * hop
        hop *= model.hop_length
    names = ", ".join(name for name, _, _ in levels)
    head = (
        f"{len(levels)} level{'s' if len(levels) > 1 else ''}, from the bottom up: {names}\n"
        f"receptive field of the system, the top model's times the hops below: {field} samples, "
        f"{1000 * field / sample_rate:.0f} ms"
    )
    if machine is not None:
        found = [estimate(model, settings, machine) for _, model, settings in levels]
        parts.append(f"\n{line_of_all(found)}")
    return "\n".join([head, *parts])


def texts(settings: TrainingSettings, data_dir: str, model: keras.Model) -> dict[str, str]:
    """Texts about a training for TensorBoard, besides its settings, as Markdown by name."""
    spec = Dataset.open(data_dir).spec
    about = describe(model, spec.sample_rate, spec.hop_length, settings)
    facts = f"{data_dir}: {spec.kind}, {spec.sample_rate} Hz, hop {spec.hop_length}"
    return {"model": _verbatim(about), "dataset": _verbatim(f"{facts}\n{report(spec)}")}


def _verbatim(text: str) -> str:
    lines = (textwrap.wrap(line, 100, subsequent_indent="  ") for line in text.splitlines())
    return "\n".join("    " + part for parts in lines for part in parts)


def _training_lines(model: keras.Model, settings: TrainingSettings) -> list[str]:
    """Lines on the cost of a training step on one device of this machine."""
    rows = settings.batch_size // settings.accumulation_steps
    chosen = training_memory(model, settings)
    parts = ", ".join(f"{name} {bytes_ / GIB:.2f}" for name, bytes_ in chosen._asdict().items())
    memory = (
        f"training memory, estimated: {chosen.total / GIB:.2f} GiB for {rows} crops of "
        f"{settings.crop_steps} ids at once ({parts})"
    )
    if not settings.recompute_layers:
        less = training_memory(model, dataclasses.replace(settings, recompute_layers=3))
        memory += f"; {less.total / GIB:.2f} GiB with RECOMPUTE_LAYERS=3"
    macs = macs_an_id(model) / 1e6
    return [
        memory,
        f"compute: {macs:.2f} million multiply-accumulates an id, 3 times that to train",
    ]


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
