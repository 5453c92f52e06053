"""How a budget of time is divided: lengths of clips, offsets of codes, steps of every level.

All numbers here are our choices.
"""

import dataclasses
from typing import NamedTuple

# A training of fewer steps changes nothing that can be heard.
LEAST_STEPS = 20
# From here on, what is left of a budget is worth another round.
LEAST_ROUND_SECS = 45.0
# In less time not even the speed of a level is measured.
LEAST_SECS = 20.0
# Of the time for training, the prior gets this share at most: it soon knows little music by heart.
PRIOR_SHARE = 0.35
# Validations of a training at most, and the share of its time that they may take; and how many in a
# row may bring nothing before it ends.
VALIDATIONS, VALIDATION_SHARE, PATIENCE = 12, 0.2, 4
# Speeds change: this share of the steps that would fit is planned.
PRUDENCE = 0.9
# Audio that a machine with two cores encodes in a second, in seconds.
ENCODED_A_SEC = 30.0


@dataclasses.dataclass(frozen=True)
class Speed:
    """The measured speed of a training on this machine.

    Attributes:
      setup_secs: until the first step, with building and compiling.
      steps_per_sec: then.
      validation_secs: of one validation.
      bits: what the weights that it starts from reach on the validation split.
    """

    setup_secs: float
    steps_per_sec: float
    validation_secs: float
    bits: float


class ClipPlan(NamedTuple):
    """Number of clips of each kind on the page, and their length in seconds."""

    number: int
    secs: float


def clips_within(budget_secs: float) -> ClipPlan:
    """Clips for the page: longer with more time, from 2 to 10 s."""
    return ClipPlan(3, float(min(max(round(budget_secs / 100), 2), 10)))


def offsets_within(audio_secs: float, budget_secs: float) -> int:
    """At how many offsets within the hop the music is encoded: 1 to 4, in a tenth of the time."""
    return int(min(max(0.1 * budget_secs * ENCODED_A_SEC / max(audio_secs, 1.0), 1), 4))


def reserved_secs(before_secs: float | None) -> float:
    """For the clips at the end, which are twice as many as those before training, and the page."""
    return 2.5 * (before_secs or 0.0) + 10.0


def share_of(left_secs: float, is_last: bool) -> float:
    """The time that a level gets of what is left for training."""
    return left_secs if is_last else PRIOR_SHARE * left_secs


class TrainingPlan(NamedTuple):
    """Number of training steps of a level, 0 if none fit, and number of validations."""

    num_steps: int
    validations: int


def training_within(secs: float, speed: Speed) -> TrainingPlan:
    """The steps that fit into a time, with setup and validations."""
    left = max(secs - speed.setup_secs, 0.0)
    most = VALIDATION_SHARE * left / max(speed.validation_secs, 1e-3)
    validations = int(min(max(most, 1), VALIDATIONS))
    stepping = max(left - validations * speed.validation_secs, 0.0)
    num_steps = int(PRUDENCE * stepping * speed.steps_per_sec)
    return TrainingPlan(num_steps if num_steps >= LEAST_STEPS else 0, validations)
