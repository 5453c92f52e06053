"""How long a training takes on a machine, before it is paid for.

    steps per second = TFLOPS x 10^12 x utilisation x replicas / FLOPs of a step
    FLOPs of a step  = 2 x multiply-accumulates of an id x passes x batch size x crop
    passes           = 3 (forward, and twice as much backward), or 4 with RECOMPUTE_LAYERS
    hours            = steps / steps per second / 3600

Not counted: validation (some 5 %), reading data and the exchange of gradients.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from ada.inspection.cost import GIB, macs_an_id, training_memory
from ada.training import TrainingSettings
from ada.training.launch import check_divisible


@dataclass(frozen=True)
class Machine:
    """The hardware of a training.

    Attributes:
      tflops: of one replica at its best, in the precision of the training, 10^12 operations per
        second.
      utilisation: the share of them that a training gets, above 0 and at most 1.
      replicas: number of them.
    """

    tflops: float
    utilisation: float
    replicas: int = 1


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of a training.

    Attributes:
      steps_per_sec: training steps.
      hours: to the end; of a search, of one member.
      passes: over the training data; None if its hours are unknown.
      memory: bytes per replica.
    """

    steps_per_sec: float
    hours: float
    passes: float | None
    memory: float


def flops_a_step(model: keras.Model, settings: TrainingSettings) -> float:
    """Floating-point operations of a training step, over all replicas."""
    passes = 4 if settings.recompute_layers else 3
    return 2 * macs_an_id(model) * passes * settings.batch_size * settings.crop_steps


def estimate(
    model: keras.Model,
    settings: TrainingSettings,
    machine: Machine,
    ids_per_sec: float | None = None,
    hours: float | None = None,
) -> Estimate:
    """Estimates a training.

    Args:
      model: a built model.
      settings: of its training.
      machine: that trains it.
      ids_per_sec: ids of a second of audio.
      hours: of audio to train on.

    Raises:
      UserError: if the batch cannot be divided among the replicas.
    """
    check_divisible(settings, machine.replicas)
    speed = machine.tflops * 1e12 * machine.utilisation * machine.replicas
    steps_per_sec = speed / flops_a_step(model, settings)
    passes = None
    if ids_per_sec and hours:
        ids = settings.num_steps * settings.batch_size * settings.crop_steps
        passes = ids / (hours * 3600 * ids_per_sec)
    share = dataclasses.replace(settings, batch_size=settings.batch_size // machine.replicas)
    memory = training_memory(model, share).total
    return Estimate(steps_per_sec, settings.num_steps / steps_per_sec / 3600, passes, memory)


def line(found: Estimate, settings: TrainingSettings, machine: Machine, hours: float | None) -> str:
    """An estimate as a line of text."""
    text = (
        f"training, estimated, on {machine.replicas} x {machine.tflops:g} TFLOPS at "
        f"{100 * machine.utilisation:g} %: {found.steps_per_sec:.3g} steps per second, "
        f"{found.hours:.3g} hours for {settings.num_steps:,} steps, {found.memory / GIB:.2f} GiB "
        "per replica"
    )
    if found.passes is not None:
        text += f"; {found.passes:.3g} passes over {hours:g} hours of audio"
    if settings.first_phase is not None:
        text += "; without its first phase"
    if settings.search is not None:
        text += f"; ada.pbt trains {settings.search.population} such members"
    return text


def line_of_all(found: Sequence[Estimate]) -> str:
    """The hours of all levels of a system, one after the other, as a line of text."""
    return f"training of all levels, estimated: {sum(e.hours for e in found):.3g} hours"
