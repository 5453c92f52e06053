"""A model as a member of a population: trained from one comparison to the next, then judged."""

import contextlib
import dataclasses
import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from ada.data import Dataset
from ada.population.plan import Progress
from ada.quantizers import least_perplexity
from ada.runs.run import Run
from ada.training.checkpoints import Checkpoints
from ada.training.launch import make_trainer
from ada.training.loop import DivergedError, Loop
from ada.training.settings import TrainingSettings
from ada.training.start import info_of_new_run
from ada.utils.devices import use_memory_as_needed

# Added to the bits of a member that may not win: worse than any model can be.
PENALTY_BITS = 1000.0
# A copy may still need what a member saved at the comparison before.
KEPT_CHECKPOINTS = 3


def judge(
    scores: Mapping[str, float], active: bool, least: float, least_cost: float | None = None
) -> tuple[float, bool, dict[str, float | None]]:
    """The score of a member from a validation.

    Members that diverged, whose codebook has collapsed, or whose decoder ignores the codes (another
    clip's codes cost it nothing) are not healthy.

    Args:
      scores: of a validation, by their names in `metrics.jsonl`; empty if the loss was not finite.
      active: whether codes are used yet (not during an unquantised warm-up).
      least: the perplexity below which a codebook has collapsed.
      least_cost: what another clip's codes cost at least, unless codes are ignored; None: not
        looked at.

    Returns:
      The score to minimise, whether the member is healthy, and bits, perplexity and what another
      clip's codes cost. Members that are not healthy score worse than all that are.
    """
    bits = scores.get("reconstruction_bits", scores.get("bits", math.nan))
    perplexity = scores.get("codebook/perplexity")
    cost = scores.get("codebook/rolled_codes_cost_bits")
    report = {"bits": bits, "perplexity": perplexity, "rolled_codes_cost_bits": cost}
    if not math.isfinite(bits):
        return 2 * PENALTY_BITS, False, report | {"bits": None}
    collapsed = perplexity is not None and not perplexity >= least
    ignored = None not in (cost, least_cost) and not cost >= least_cost
    if collapsed or ignored or not active:
        return PENALTY_BITS + min(bits, PENALTY_BITS / 2), False, report
    return bits, True, report


@dataclass(frozen=True)
class MemberTrainer:
    """Trains members of a population of models (`population.plan.Advance`).

    A member's directory is a run directory of its own, but for its hyperparameters, which change.

    Attributes:
      load: from values of gin bindings to settings.
      describe: called once a model is made; returns the text of `operative.gin`.
      root: directory of all members.
      data_dir: dataset directory.
      threads: TensorFlow's in a worker process; several run side by side.
    """

    load: Callable[[Mapping[str, float]], TrainingSettings]
    describe: Callable[[], str]
    root: str
    data_dir: str
    threads: int

    def __call__(
        self, number: int, hyperparameters: dict[str, float], state: dict[str, Any] | None
    ) -> Progress:
        _limit_threads(self.threads)
        use_memory_as_needed()
        try:
            return self._train(number, hyperparameters, state)
        finally:
            gc.collect()  # Keras models are cycles: this one must go before the next is made

    def _train(
        self, number: int, hyperparameters: dict[str, float], state: dict[str, Any] | None
    ) -> Progress:
        """One interval; its model is gone, but for cycles, when this returns."""
        settings = self.load(hyperparameters)
        search = settings.search
        start = state["step"] if state else 0
        stop = min(start + search.interval_steps, settings.num_steps)
        # One that diverged waits for somebody to copy.
        if state and state["checkpoint"] is None:
            return _diverged(stop)
        loop = self._open(number, settings, state and state["checkpoint"])
        try:
            loop.run_on(stop)
        except DivergedError:
            return _diverged(stop)
        quantizer = loop.trainer.quantizer
        active = quantizer is None or quantizer.is_active
        least = search.least_perplexity or least_perplexity(loop.trainer.model.num_codes)
        score, healthy, report = judge(loop.scores, active, least, search.least_code_cost)
        saved = loop.checkpoints.newest
        checkpoint = None if score >= 2 * PENALTY_BITS else str(Path(saved).relative_to(self.root))
        return Progress(stop, score, {"step": stop, "checkpoint": checkpoint}, healthy, report)

    def _open(self, number: int, settings: TrainingSettings, checkpoint: str | None) -> Loop:
        """The loop of a member, at the state of a checkpoint."""
        interval = settings.search.interval_steps
        intervals = dataclasses.replace(
            settings.intervals,
            log=min(settings.intervals.log, interval),
            validate=interval,
            save=interval,
            keep=KEPT_CHECKPOINTS,
            patience=0,
            # Sampling would be recompiled in every interval of every member.
            audio_secs=0.0,
            notes=0,
        )
        settings = dataclasses.replace(settings, intervals=intervals)
        dataset = Dataset.open(self.data_dir)
        trainer = make_trainer(settings)
        directory = f"{self.root}/member{number}"
        info = info_of_new_run(directory, settings, trainer.model, dataset, None)
        run = Run.create(directory, info, dataset.spec, trainer.model, self.describe())
        checkpoints = Checkpoints(directory, trainer, intervals.keep)
        if checkpoint is not None:
            checkpoints.restore_from(f"{self.root}/{checkpoint}")
        return Loop(run, trainer, dataset, checkpoints, settings)


def _diverged(step: int) -> Progress:
    score, healthy, report = judge({}, False, 1.0)
    return Progress(step, score, {"step": step, "checkpoint": None}, healthy, report)


def _limit_threads(threads: int) -> None:
    # Too late, and done before, once TensorFlow has started in this process.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
