"""Groups of training settings, bound in gin by their class names."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from ada.audio.companding import COMPANDINGS
from ada.extensions import TrainingHook
from ada.training.adam import CodebookAdam
from ada.training.schedules import SCHEDULES, WarmUpSchedule

# By default a validation scores this factor fewer ids than are trained on between two validations.
# Scoring an id, with its context, takes a third to a half of the time of training on it: about 5 %
# of the time in all. With small models and data, all ids are scored.
VALIDATED_PART, LEAST_VALIDATION_IDS = 10, 2**18
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


# The limit of NumPy and Keras.
MAX_SEED = 2**32 - 1
# Steps and sizes are int32 in many operations.
_MOST = 2**31 - 1


def _check_range(group: str, settings: Any, least: int, names: Sequence[str]) -> None:
    """Raises ValueError unless fields are numbers in range, whole ones if annotated as int."""
    whole = {field.name for field in dataclasses.fields(settings) if field.type in (int, "int")}
    for name in names:
        value, kinds = getattr(settings, name), (int,) if name in whole else (int, float)
        if type(value) not in kinds or not least <= value <= _MOST:
            kind = "whole number" if name in whole else "number"
            raise ValueError(f"{group}.{name} must be a {kind} of at least {least}, got {value!r}.")


@dataclasses.dataclass(frozen=True)
class Optimization:
    """How weights are learnt: Adam, its schedule, clipping and averaging (all our choices).

    Attributes:
      learning_rate: the peak.
      schedule: "constant", "cosine" or "exponential", after the warm-up.
      warmup_steps: linear warm-up; at most a half of all steps.
      final_fraction: the last learning rate as a fraction of the peak.
      codebook_rate: learning rate of a codebook trained by gradients, relative to that of the
        other weights (`ada.training.adam`).
      beta_2: Adam's second decay.
      clip_norm: global norm of the gradients, over the global batch; 0 for no clipping.
      polyak_decay: of the averaged weights; 0 for none.
    """

    learning_rate: float = 2e-4
    schedule: str = "constant"
    warmup_steps: int = 0
    final_fraction: float = 0.01
    codebook_rate: float = 1.0
    beta_2: float = 0.999
    clip_norm: float = 1.0
    polyak_decay: float = 0.9999

    def __post_init__(self) -> None:
        names = ("learning_rate", "warmup_steps", "clip_norm", "codebook_rate")
        _check_range("Optimization", self, 0, names)
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"Optimization.schedule must be one of {SCHEDULES}, got {self.schedule!r}."
            )
        for name in ("beta_2", "polyak_decay"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(
                    f"Optimization.{name} must be in [0, 1), got {getattr(self, name)}."
                )

    def make_optimizer(self, num_steps: int) -> keras.optimizers.Optimizer:
        """Adam with this schedule over `num_steps`; clips nothing itself (see `Trainer`).

        The warm-up takes at most half of the training, so that short tests reach the peak too.
        """
        schedule = WarmUpSchedule(
            self.learning_rate,
            num_steps,
            self.schedule,
            min(self.warmup_steps, num_steps // 2),
            self.final_fraction,
        )
        return CodebookAdam(schedule, self.codebook_rate, self.beta_2)


@dataclasses.dataclass(frozen=True)
class Intervals:
    """How often things happen, in training steps.

    Attributes:
      log: scalars to TensorBoard and `metrics.jsonl`, and a check for NaN.
      validate: the whole validation split with averaged weights, audio, pictures.
      save: a checkpoint.
      keep: number of newest checkpoints kept, besides the best one.
      patience: stop early after this number of validations without a better one; 0: never.
      validation_ids: number of ids of the validation split that are scored, in the same windows
        each time, spread over the split; 0 scores all of them. None: a tenth of the ids that are
        trained on between two validations, which takes about 5 % of the time.
      audio_secs: length of the audio (or codes) in TensorBoard; 0 for none.
      weight_histograms: whether each validation writes histograms of all weights.
      notes: note F1 of reconstructions of an audio autoencoder, with averaged weights (needs the
        packages of `[eval]` and basic-pitch); 0 for never. Training waits for the generation.
      note_secs: total length of the clips that are transcribed.
      note_top_p: top-p of sampling; below 1 there is less noise.
    """

    log: int = 50
    validate: int = 2000
    save: int = 1000
    keep: int = 3
    patience: int = 0
    validation_ids: int | None = None
    audio_secs: float = 5.0
    weight_histograms: bool = False
    notes: int = 0
    note_secs: float = 8.0
    note_top_p: float = 0.8

    def __post_init__(self) -> None:
        _check_range("Intervals", self, 1, ("log", "validate", "save", "keep", "note_secs"))
        _check_range("Intervals", self, 0, ("patience", "audio_secs", "notes"))
        if self.validation_ids is not None:
            _check_range("Intervals", self, 0, ("validation_ids",))
        if not 0.0 < self.note_top_p <= 1.0:
            raise ValueError(f"Intervals.note_top_p must be in (0, 1], got {self.note_top_p!r}.")


@dataclasses.dataclass(frozen=True)
class FirstPhase:
    """Training of the bottleneck alone, before that of the local model (ours, not the paper's).

    Encoder, quantiser and modulator are trained by the auxiliary loss; without the local model a
    step is ten times cheaper. It is a run of its own, in the folder `bottleneck` of the run
    directory. The second phase, `num_steps` of `train`, then trains the local model alone.

    Attributes:
      num_steps: training steps.
      batch_size: crops in a global batch.
      crop_steps: ids in a crop.
      learning_rate: the peak; all else is as in `Optimization`.
      validate: training steps from one validation to the next.
    """

    num_steps: int
    batch_size: int = 16
    crop_steps: int = 8192
    learning_rate: float = 3e-3
    validate: int = 500

    def __post_init__(self) -> None:
        names = ("num_steps", "batch_size", "crop_steps", "validate")
        _check_range("FirstPhase", self, 1, names)
        _check_range("FirstPhase", self, 0, ("learning_rate",))


@dataclasses.dataclass(frozen=True)
class Search:
    """The search of population-based training (`ada.pbt`; `ada.train` ignores it).

    Attributes:
      hyperparameters: (low, high) by the name of a gin binding, "Optimization.learning_rate" for
        instance; starts are drawn uniformly in the logarithm, and no value ever leaves the range.
      population: number of members.
      interval_steps: training steps from one comparison of the members to the next.
      least_perplexity: of the codes of the validation split; a member below it never wins. If None,
        that below which codes have collapsed (`ada.quantizers.least_perplexity`).
      least_code_cost: bits per step that another clip's codes must cost, on the validation split; a
        member below it ignores its codes and never wins. None: not looked at.
      quantile: this share of the members, the worst, copies from as many of the best.
      resample_probability: of drawing a copied hyperparameter again instead of perturbing it by 0.8
        or 1.2.
    """

    hyperparameters: Mapping[str, tuple[float, float]]
    population: int = 16
    interval_steps: int = 5000
    least_perplexity: float | None = None
    least_code_cost: float | None = 0.01
    quantile: float = 0.25
    resample_probability: float = 0.25

    def __post_init__(self) -> None:
        _check_range("Search", self, 2, ("population",))
        _check_range("Search", self, 1, ("interval_steps",))
        if self.least_perplexity is not None:
            _check_range("Search", self, 1, ("least_perplexity",))
        if self.least_code_cost is not None:
            _check_range("Search", self, 0, ("least_code_cost",))
        for name, most in (("quantile", 0.5), ("resample_probability", 1.0)):
            value = getattr(self, name)
            if not 0.0 <= value <= most:
                raise ValueError(f"Search.{name} must be in [0, {most}], got {value!r}.")
        if not self.hyperparameters:
            raise ValueError("Search.hyperparameters names none.")
        for name, ends in self.hyperparameters.items():
            if len(ends) != 2 or not 0.0 < ends[0] < ends[1] < math.inf:
                raise ValueError(
                    f"Search.hyperparameters: {name} needs (low, high) with 0 < low < high, got "
                    f"{ends!r}."
                )


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training; `train.` in gin.

    Attributes:
      model: makes the model; called under the strategy's scope.
      num_steps: training steps in all.
      batch_size: crops in a global batch.
      crop_steps: ids in a crop.
      kind: what the model's ids stand for, "audio" or "codes".
      companding: how audio becomes ids (`ada.audio.COMPANDINGS`); not used for codes.
      optimization: how weights are learnt.
      intervals: how often things happen.
      strategy: see `ada.training.distributed.strategies`.
      precision: "float32", or "mixed_bfloat16" or "mixed_float16": products in that precision,
        weights, softmax, quantiser and statistics in float32; float16 with loss scaling.
      jit_compile: whether XLA compiles forward and backward passes; None: where that is faster
        (`ada.training.distributed.strategies.compiled_by_xla`).
      accumulation_steps: number of micro-batches into which a replica's share of a batch is
        divided, to save memory; the result is the same.
      recompute_layers: layers of the WaveNet per segment for gradient checkpointing, to save
        memory; 0: all activations are stored. The result is the same.
      allow_short_crops: train even if a crop is shorter than the receptive field.
      seed: of initial weights, crops and everything random in a step.
      search: what `ada.pbt` searches; None for a model that is not searched.
      hooks: constructors of training hooks (`ada.extensions.TrainingHook`), ours.
      first_phase: training of the bottleneck alone that comes first; None as in the paper.
      part: what is trained (`AutoregressiveDiscreteAutoencoder.trained_part`).
    """

    model: Callable[[], keras.Model]
    num_steps: int
    batch_size: int
    crop_steps: int
    kind: str = "audio"
    companding: str = "mu_law"
    optimization: Optimization = Optimization()
    intervals: Intervals = Intervals()
    strategy: str = "one_device"
    precision: str = "float32"
    jit_compile: bool | None = None
    accumulation_steps: int = 1
    recompute_layers: int = 0
    allow_short_crops: bool = False
    seed: int = 0
    search: Search | None = None
    hooks: tuple[Callable[[], TrainingHook], ...] = ()
    first_phase: FirstPhase | None = None
    part: str = "all"

    def __post_init__(self) -> None:
        least_one = ("num_steps", "batch_size", "crop_steps", "accumulation_steps")
        _check_range("train", self, 1, least_one)
        _check_range("train", self, 0, ("recompute_layers",))
        if type(self.seed) is not int or not 0 <= self.seed <= MAX_SEED:
            raise ValueError(
                f"train.seed must be a whole number from 0 to {MAX_SEED}, got {self.seed!r}."
            )
        if self.batch_size % self.accumulation_steps:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be divided into {self.accumulation_steps} "
                "micro-batches: set BATCH_SIZE to a multiple of ACCUMULATION_STEPS."
            )
        choices = {
            "kind": ("audio", "codes"),
            "companding": tuple(COMPANDINGS),
            "precision": PRECISIONS,
            "part": ("all", "bottleneck", "local_model"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"train.{name} must be one of {', '.join(allowed)}, got "
                    f"{getattr(self, name)!r}."
                )

    def validation_ids(self) -> int | None:
        """Ids that a validation counts, about; None for all of the split."""
        chosen = self.intervals.validation_ids
        if chosen is None:
            between = self.intervals.validate * self.batch_size * self.crop_steps
            return max(between // VALIDATED_PART, LEAST_VALIDATION_IDS)
        return chosen or None

    def of_first_phase(self) -> "TrainingSettings":
        """The settings of the first phase, where there is one."""
        first = self.first_phase
        return dataclasses.replace(
            self,
            num_steps=first.num_steps,
            batch_size=first.batch_size,
            crop_steps=first.crop_steps,
            optimization=dataclasses.replace(self.optimization, learning_rate=first.learning_rate),
            # Without a local model there is no audio.
            intervals=dataclasses.replace(
                self.intervals, validate=first.validate, audio_secs=0.0, notes=0
            ),
            accumulation_steps=1,
            allow_short_crops=True,
            first_phase=None,
            part="bottleneck",
        )

    def of_second_phase(self) -> "TrainingSettings":
        """The settings of the second phase, where there are two."""
        return dataclasses.replace(self, first_phase=None, part="local_model")
