"""The training loop: everything around the step."""

import contextlib
import functools
import math
import time
from typing import NoReturn

import numpy as np
import tensorflow as tf

from ada.data import Dataset, read_batches, training_batches
from ada.runs import run as runs
from ada.runs.checkpoint_files import existing_checkpoints
from ada.training.checkpoints import Checkpoints
from ada.training.code_use import health
from ada.training.distributed.workers import Workers
from ada.training.settings import TrainingSettings
from ada.training.stopping import StopSignals
from ada.training.tensorboard.listen import Listener
from ada.training.tensorboard.notes import NoteListener
from ada.training.tensorboard.profiler import Profiler
from ada.training.tensorboard.reporting import Reporter, Stopwatch
from ada.training.tensorboard.summaries import Summaries, step_scalars
from ada.training.trainer import StepResult, Trainer
from ada.training.validation import Validation
from ada.utils import log
from ada.utils.errors import StoppedError, UserError
from ada.utils.progress import progress_bar
from ada.utils.replicas import distribute

# Approximate interval at which several processes ask each other whether to stop.
ASK_EVERY_SECS = 1.0


class DivergedError(UserError):
    """A loss or a gradient that is not finite."""


class _ValidationBroken(Exception):  # noqa: N818 - it is no error
    """A signal arrived during a validation."""


class Loop:
    """A running training loop, with the state that is not in checkpoints.

    Args:
      run: the run directory.
      trainer: at the step to resume from.
      dataset: to train on and to validate with.
      checkpoints: of the trainer.
      settings: those that the trainer was made from.
      workers: the processes that train together; the first writes. Default: this one.
      profile: whether the first writes a profile of a few steps.

    Attributes:
      scores: of the last validation, by their names in `metrics.jsonl`.
    """

    def __init__(
        self,
        run: runs.Run,
        trainer: Trainer,
        dataset: Dataset,
        checkpoints: Checkpoints,
        settings: TrainingSettings,
        workers: Workers | None = None,
        profile: bool = False,
    ) -> None:
        self.run, self.trainer, self.dataset = run, trainer, dataset
        self.checkpoints, self.settings = checkpoints, settings
        self.workers = workers or Workers(trainer.strategy)
        self.intervals, self.num_steps = settings.intervals, settings.num_steps
        self.validation = Validation(
            trainer, dataset, run.info.to_ids(), settings, self.workers.is_chief
        )
        self.listener = self.note_listener = self.summaries = None
        if self.workers.is_chief:
            self.listener = Listener(
                trainer.model, dataset, run.info, self.intervals.audio_secs, trainer.seed
            )
            self.note_listener = NoteListener(
                trainer.model, dataset, run.info, self.intervals, trainer.seed
            )
            self.summaries = Summaries(run.directory, trainer.step)
        self.profile = profile and self.workers.is_chief
        self.reporter = Reporter(run, settings, self.summaries, trainer.model.num_codes)
        self.signals, self.stopwatch = StopSignals(), Stopwatch()
        self.scores: dict[str, float] = {}
        self._next_ask, self._last_ask = 0, (trainer.step, time.monotonic())
        # Compiled: a model has hundreds of weights.
        self._weight_norm = tf.function(
            lambda: tf.linalg.global_norm([w.value for w in trainer.model.trainable_weights]),
            autograph=False,
        )

    def _batches_from(self, step: int, **of_worker: int) -> tf.data.Dataset:
        return training_batches(
            self.dataset,
            batch_size=self.settings.batch_size,
            crop_steps=self.settings.crop_steps,
            seed=self.settings.seed,
            first_step=step,
            to_ids=self.run.info.to_ids(),
            alignment=self.dataset.spec.upstream.get("group_length", 1),
            **of_worker,
        )

    def run_on(self, until: int | None = None, deadline: float = math.inf) -> None:
        """Trains until the end, an early stop, an interruption or an error.

        Args:
          until: the step to stop at before the end; it is validated and saved like the last one.
          deadline: a time of `time.monotonic()`; the first step that ends after it is the last one.

        Raises:
          DivergedError: for a loss or a gradient that is not finite.
          StoppedError: after SIGTERM, saved.
          KeyboardInterrupt: after SIGINT, saved.
        """
        stop = self.num_steps if until is None else min(until, self.num_steps)
        if self.summaries is not None:
            lines = self.run.operative_gin().splitlines()
            self.summaries.text("operative_gin", "\n".join("    " + line for line in lines))
        self.validation.start_clock()
        for hook in self.trainer.hooks:
            hook.begin()
        step = self.trainer.step
        profiler = Profiler(self.run.directory if self.profile else None, step, stop)
        bar = progress_bar(
            total=self.num_steps,
            initial=step,
            desc=f"training {self.run.directory}",
            unit="step",
            disable=not self.workers.is_chief,
        )
        batches = distribute(
            functools.partial(self._batches_from, step),
            self.trainer.strategy,
            self.settings.batch_size,
        )
        inputs = iter(read_batches(batches, self.dataset, "train"))
        with bar, contextlib.closing(profiler):
            # The training may have been stopped between a step and its validation.
            if self._validation_is_due(step, stop) and self._finish_step(step, stop, bar):
                return
            self.stopwatch.start(step)
            first = step + 1
            for batch in self.stopwatch.waiting(inputs):
                self._prepare(step)
                with profiler.step(step):
                    result = self.trainer.train_step(batch)
                step += 1
                if step == first:
                    bar.unpause()  # the time for compiling is no estimate of the time left
                bar.update()
                if time.monotonic() > deadline:
                    stop = step
                if step % self.intervals.log == 0 or step == stop:
                    values = self._check(result, step) | self.stopwatch.scalars(step)
                    values["optimizer/learning_rate"] = float(self.trainer.optimizer.learning_rate)
                    values["optimizer/weight_norm"] = float(self._weight_norm())
                    self.reporter.step(values, step, bar)
                    self.stopwatch.start(step)
                if self._finish_step(step, stop, bar, result):
                    return
                if self._is_to_stop(step):
                    self._stop(step)

    def _validation_is_due(self, step: int, stop: int) -> bool:
        return self.checkpoints.validation_is_due(step, self.intervals.validate, step == stop)

    def _finish_step(
        self, step: int, stop: int, bar: progress_bar, result: StepResult | None = None
    ) -> bool:
        """Validates and saves when due; returns whether this was the last step."""
        last = step == stop
        # Validation first: a checkpoint contains the best score up to its own step.
        if self._validation_is_due(step, stop):
            self._check(result, step)
            bar.set_postfix_str("validating", refresh=True)
            try:
                self._validate(step)
            except _ValidationBroken:
                self._stop(step)
            self.stopwatch.start(step)
        last = last or self.checkpoints.stopped_early(self.intervals.patience)
        if self.note_listener is not None and self.note_listener.is_due(step, last):
            bar.set_postfix_str("listening for notes", refresh=True)
            with self.trainer.polyak.in_place():
                self.reporter.notes(self.note_listener(), step)
            self.stopwatch.start(step)
        if step % self.intervals.save == 0 or last:
            self._check(result, step)
            self.checkpoints.save()
        return last

    def _is_to_stop(self, step: int) -> bool:
        """Whether any process was asked to stop; several ask each other now and then."""
        received = self.signals.received is not None
        if self.workers.count == 1:
            return received
        if step < self._next_ask:
            return False
        (before, then), now = self._last_ask, time.monotonic()
        self._last_ask = step, now
        steps_per_sec = (step - before) / (now - then)
        answers = self.workers.gather([received, ASK_EVERY_SECS * steps_per_sec])
        # The value of the first process counts, so that all ask after the same step.
        self._next_ask = step + max(1, int(answers[0, 1]))
        return bool(answers[:, 0].any())

    def _stop(self, step: int) -> NoReturn:
        """Saves, and ends with the exception for the signal."""
        received = self.signals.received
        # No process ends before the first has saved: schedulers stop a job when one process ends.
        saved = self.workers.gather([self.checkpoints.save()])[0, 0]
        how = "saved" if saved else "NOT saved, weights are not finite"
        message = (
            f"{received or 'another worker was stopped'} at step {step} of {self.num_steps}, "
            f"{how}; the same command resumes."
        )
        if received != "SIGINT":
            raise StoppedError(message)
        log.info(message)
        raise KeyboardInterrupt

    def _break_validation(self) -> None:
        if self.workers.any(self.signals.received is not None):
            raise _ValidationBroken

    def _prepare(self, step: int) -> None:
        if self.trainer.before_step(functools.partial(self._batches_from, step)):
            self.workers.follow_chief(self.trainer.variables)

    def _check(self, result: StepResult | None, step: int) -> dict[str, float]:
        """The step's scalars; raises DivergedError if the loss or the gradient is not finite."""
        if result is None:
            return {}
        quantizer = self.trainer.quantizer
        active = quantizer is not None and quantizer.is_active
        values = step_scalars(result, health(self.trainer.code_use, step), active)
        broken = [k for k, v in values.items() if not np.isfinite(v)]
        if broken:
            kept = existing_checkpoints(self.checkpoints.directory)
            rest = f"The newest checkpoint is {kept[0]}" if kept else "Nothing was saved yet"
            raise DivergedError(
                f"step {step}: {', '.join(broken)} not finite; stopped. {rest}: lower "
                "LEARNING_RATE or Optimization.clip_norm and run the same command again."
            )
        return values

    def _validate(self, step: int) -> None:
        """Validates with averaged weights, and keeps them if they are the best."""
        with self.trainer.polyak.in_place():
            values, usage = self.validation(self._break_validation)
            clips = self.listener() if self.listener else {}
        # The score of what is trained, of the chief, so that all processes decide the same.
        score = float(self.workers.gather([list(values.values())[0]])[0, 0])
        self.scores = values
        quantizer = self.trainer.quantizer
        # A model that does not quantise yet cannot be the best.
        candidate = quantizer is None or quantizer.is_active
        if self.summaries is not None:
            self.reporter.validation(values, step, self.trainer, usage, clips)
        self.checkpoints.validated(step, score if candidate else None)
        if self.summaries is not None:
            self.reporter.score(values, step, float(self.checkpoints.best_score))
        if candidate and self.checkpoints.stopped_early(self.intervals.patience):
            log.info(f"Stopped early: {self.intervals.patience} validations without a better one.")
