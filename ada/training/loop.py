"""The training loop: everything around the step."""

import contextlib
import time
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from ada import log, runs
from ada.data import Dataset, read_batches, training_batches
from ada.errors import UserError
from ada.evaluation import SplitScorer
from ada.files import exclusive
from ada.models import PolyakAverage
from ada.models.losses import NATS_TO_BITS
from ada.progress import progress_bar
from ada.quantizers import collapsed
from ada.training.checkpoints import Checkpoints
from ada.training.codebook import init_codebook
from ada.training.listen import Listener
from ada.training.settings import TrainingSettings
from ada.training.start import (
    check_fit,
    check_warmup,
    make_model,
    open_or_create,
    run_info,
    start_from,
)
from ada.training.strategies import distribute, make_strategy
from ada.training.summaries import Summaries, step_scalars
from ada.training.trainer import Trainer


class DivergedError(UserError):
    """A loss or a gradient that is not finite."""


def train(
    settings: TrainingSettings,
    run_dir: str,
    data_dir: str,
    init_from: str | None = None,
    describe: Callable[[], str] = lambda: "",
) -> None:
    """Trains a model into a run directory, or goes on where it stopped.

    Args:
      settings: what is trained and how.
      run_dir: directory of the run.
      data_dir: dataset directory.
      init_from: a run directory whose weights and codebook to start from, with a new optimizer.
      describe: called once the model is made; returns the text of `operative.gin`.

    Raises:
      UserError: for data that does not fit, a run directory of another model, or a loss that is
        not finite.
    """
    dataset = Dataset.open(data_dir)
    trainer = make_trainer(settings)
    network = trainer.model
    operative = describe()
    check_fit(settings, network, dataset)
    info = run_info(run_dir, settings, network, dataset, init_from)
    if init_from:
        # Before anything is written; a checkpoint of the run itself wins over it.
        start_from(network, init_from)
        trainer.polyak.reset()
    check_warmup(settings, network)
    with exclusive(run_dir):
        run = open_or_create(run_dir, info, dataset, network, operative)
        _train_on(run, trainer, dataset, settings, operative)


def _train_on(
    run: runs.Run, trainer: Trainer, dataset: Dataset, settings: TrainingSettings, operative: str
) -> None:
    """Trains from the newest checkpoint on, if there is anything left to do."""
    run_dir, network = run.directory, trainer.model
    checkpoints = Checkpoints(run_dir, trainer, settings.intervals.keep)
    resumed = checkpoints.restore()
    if trainer.step >= settings.num_steps or checkpoints.stopped_early(settings.intervals.patience):
        log.info(f"{run_dir} is complete: {trainer.step} of {settings.num_steps} steps.")
        if run.operative_gin() != operative:
            log.warning(
                "The settings are others than those it was trained with (its operative.gin), and "
                "nothing was trained. For a new run, choose another --run_dir."
            )
        return
    run.write_operative_gin(operative)
    log.info(
        f"{'Resuming' if resumed else 'Training'} {run_dir}: {network.count_params():,} "
        f"parameters, receptive field {network.receptive_field} steps, step {trainer.step} of "
        f"{settings.num_steps}. Watch it: tensorboard --logdir={run_dir}"
    )
    Loop(run, trainer, dataset, checkpoints, settings).run_on()


def make_trainer(settings: TrainingSettings) -> Trainer:
    """A new model with what trains it, under its strategy's scope."""
    strategy = make_strategy(settings.strategy)
    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        network = make_model(settings)
        polyak = PolyakAverage(network, settings.optimization.polyak_decay)
        optimizer = settings.optimization.make_optimizer(settings.num_steps)
    return Trainer(
        network,
        optimizer,
        polyak,
        strategy,
        settings.optimization.clip_norm,
        settings.jit_compile,
        settings.seed,
    )


class Loop:
    """State of a running loop that no checkpoint needs.

    Args:
      run: where it reports.
      trainer: at the step to go on from.
      dataset: to train on and to validate with.
      checkpoints: of the trainer.
      settings: what the trainer was made from.

    Attributes:
      scores: what the last validation found, by its name in `metrics.jsonl`.
    """

    def __init__(
        self,
        run: runs.Run,
        trainer: Trainer,
        dataset: Dataset,
        checkpoints: Checkpoints,
        settings: TrainingSettings,
    ) -> None:
        self.run, self.trainer, self.dataset = run, trainer, dataset
        self.checkpoints, self.settings = checkpoints, settings
        self.intervals, self.num_steps = settings.intervals, settings.num_steps
        self.validation = SplitScorer(
            trainer.model, dataset, run.info.to_ids(), jit_compile=settings.jit_compile
        )
        self.listener = Listener(
            trainer.model, dataset, run.info, self.intervals.audio_secs, trainer.seed
        )
        self.summaries = Summaries(run.directory, trainer.step)
        self.warned = False
        self.scores: dict[str, float] = {}

    def _batches_from(self, step: int) -> tf.data.Dataset:
        return training_batches(
            self.dataset,
            batch_size=self.settings.batch_size,
            crop_steps=self.settings.crop_steps,
            seed=self.settings.seed,
            first_step=step,
            to_ids=self.run.info.to_ids(),
        )

    def run_on(self, until: int | None = None) -> None:
        """Steps until done, stopped early, interrupted or broken.

        Args:
          until: the step to stop at before the end; it is validated and saved like the last one.

        Raises:
          DivergedError: for a loss or a gradient that is not finite.
        """
        stop = self.num_steps if until is None else min(until, self.num_steps)
        operative = self.run.operative_gin()
        indented = "\n".join("    " + line for line in operative.splitlines())
        self.summaries.text("operative_gin", indented)
        step = self.trainer.step
        bar = progress_bar(
            total=self.num_steps, initial=step, desc=f"training {self.run.directory}", unit="step"
        )
        inputs = distribute(
            self._batches_from(step), self.trainer.strategy, self.settings.batch_size
        )
        since, since_step = time.monotonic(), step
        with bar, self._saved_if_interrupted():
            for batch in read_batches(inputs, self.dataset, "train"):
                self._make_codebook(step)
                result = self.trainer.train_step(batch)
                step += 1
                bar.update()
                last = step == stop
                if step % self.intervals.log == 0 or last:
                    values = self._check(result, step)
                    rate = (step - since_step) / (time.monotonic() - since)
                    self._log(values | {"speed/steps_per_sec": rate}, step, bar)
                    since, since_step = time.monotonic(), step
                # Validation first: a checkpoint remembers the best score up to its own step.
                if step % self.intervals.validate == 0 or last:
                    self._check(result, step)
                    bar.set_postfix_str("validating", refresh=True)
                    self._validate(step)
                    since, since_step = time.monotonic(), step
                last = last or self.checkpoints.stopped_early(self.intervals.patience)
                if step % self.intervals.save == 0 or last:
                    self._check(result, step)
                    self.checkpoints.save()
                if last:
                    return

    @contextlib.contextmanager
    def _saved_if_interrupted(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            how = "saved" if self.checkpoints.save() else "NOT saved, weights are not finite"
            log.info(f"Interrupted at step {self.trainer.step}, {how}; the same command goes on.")
            raise

    def _make_codebook(self, step: int) -> None:
        quantizer = self.trainer.quantizer
        if quantizer is not None and quantizer.wants_codebook and step >= quantizer.warmup_steps:
            log.info(f"Step {step}: making the codebook by k-means.")
            init_codebook(self.trainer, self._batches_from(step))

    def _check(self, result: tuple, step: int) -> dict[str, float]:
        """The step's scalars; raises DivergedError if the loss or the gradient is not finite."""
        quantizer = self.trainer.quantizer
        active = quantizer is not None and not quantizer.wants_codebook
        values = step_scalars(result, self.trainer.usage.numpy(), active)
        broken = [k for k, v in values.items() if not np.isfinite(v)]
        if broken:
            kept = runs.existing_checkpoints(self.checkpoints.directory)
            rest = f"{kept[0]} is good" if kept else "Nothing was saved yet"
            raise DivergedError(
                f"step {step}: {', '.join(broken)} not finite; stopped. {rest}: lower "
                "LEARNING_RATE or Optimization.clip_norm and run the same command again."
            )
        return values

    def _log(self, values: dict[str, float], step: int, bar: progress_bar) -> None:
        steps_per_sec = values["speed/steps_per_sec"]
        unit = "samples" if self.run.info.kind == "audio" else "codes"
        ids_a_step = self.settings.batch_size * self.settings.crop_steps
        values[f"speed/{unit}_per_sec"] = steps_per_sec * ids_a_step
        audio_secs = ids_a_step * self.run.info.hop_length / self.run.info.sample_rate
        values["speed/audio_secs_per_sec"] = steps_per_sec * audio_secs
        values["learning_rate"] = float(self.trainer.optimizer.learning_rate)
        self.summaries.scalars("train", step, values)
        shown = {"bits": f"{values['loss/nll'] * NATS_TO_BITS:.3f}"}
        perplexity = values.get("codebook/perplexity")
        if perplexity is not None and values["codebook/active"]:
            shown["perplexity"] = f"{perplexity:.0f}"
            self._warn_of_collapse(perplexity, step)
        bar.set_postfix(shown, refresh=False)

    def _warn_of_collapse(self, perplexity: float, step: int) -> None:
        num_codes = self.trainer.quantizer.num_codes
        now = collapsed(perplexity, num_codes)
        if now and not self.warned:
            log.warning(
                f"step {step}: the codebook has collapsed (perplexity {perplexity:.1f} of "
                f"{num_codes} codes). Try CODEBOOK_WARMUP_STEPS, RESTART_EVERY and "
                "INPUT_REPLACEMENT (gin/tiny.gin has values), or for an AMAE a larger "
                "ArgmaxQuantizer.diversity_weight."
            )
        self.warned = now

    def _validate(self, step: int) -> None:
        """Validates with averaged weights, and keeps them if they are the best."""
        with self.trainer.polyak.in_place():
            scores = self.validation()
            clips = self.listener()
        usage = scores.pop("usage", None)
        name = "bits" if usage is None else "reconstruction_bits"
        values = {name: scores.pop("bits")}
        score = values[name]
        values |= {f"codebook/{k}": v for k, v in scores.items()}
        self.scores = values
        self.summaries.scalars("validation", step, values)
        if usage is not None:
            self.summaries.code_use(step, usage)
        for title, clip in clips.items():
            self.summaries.audio(step, title, clip, self.run.info.sample_rate)
        log.info(f"step {step}: validation " + ", ".join(f"{k} {v:.3f}" for k, v in values.items()))
        quantizer = self.trainer.quantizer
        if quantizer is not None and quantizer.wants_codebook:
            return  # an unquantised model is no candidate for the best
        self.checkpoints.offer(score)
        if self.checkpoints.stopped_early(self.intervals.patience):
            log.info(f"Stopped early: {self.intervals.patience} validations without a better one.")
