"""Fine-tunes one level of a system until a time is over."""

import dataclasses
import shutil
import time
from pathlib import Path

from ada.config import bindings
from ada.runs.run import Run
from ada.training import Intervals, Optimization, TrainingSettings, train
from ada.training.tensorboard.summaries import bits_of, read_metrics
from ada.tuning import budget
from ada.tuning.budget import Speed
from ada.tuning.state import LevelState
from ada.utils import log

# Steps that the speed is measured by, twice.
_MEASURED = 5
# Below that of a training from the beginning: the weights are good already.
_LEARNING_RATE = 5e-4


def measure(start: str, data_dir: str, run_dir: Path) -> Speed:
    """Measures how fast a level trains here, and how good it is before.

    A few steps at a learning rate of 0, with two validations, in a run directory that is removed.

    Args:
      start: run directory whose weights it starts from.
      data_dir: dataset.
      run_dir: for the steps.
    """
    settings = settings_of(start, 2 * _MEASURED, 2)
    settings = dataclasses.replace(
        settings,
        optimization=dataclasses.replace(settings.optimization, learning_rate=0.0),
        intervals=dataclasses.replace(settings.intervals, log=_MEASURED),
    )
    shutil.rmtree(run_dir, ignore_errors=True)  # begun and interrupted
    began = time.monotonic()
    # Its steps are only a measurement: no messages about them.
    with log.quiet():
        train(settings, str(run_dir), data_dir, start, lambda: _operative(start, settings))
    secs = time.monotonic() - began
    lines = read_metrics(run_dir)
    steps_per_sec = [line for line in lines if line["split"] == "train"][-1]["speed/steps_per_sec"]
    last = [line for line in lines if line["split"] == "validation"][-1]
    # Of the time since the first validation, which was this one's and that of the steps.
    share, stepping = last["speed/validation_share"], _MEASURED / steps_per_sec
    validation_secs = stepping * share / max(1 - share, 1e-3)
    shutil.rmtree(run_dir)
    setup_secs = max(secs - 2 * (stepping + validation_secs), 0.0)
    return Speed(setup_secs, steps_per_sec, validation_secs, bits_of(last))


def tune_level(level: LevelState, data_dir: str, run_dir: Path, end: float) -> None:
    """Trains a level until a time is over; updates what is known of it.

    Args:
      level: with its speed and steps.
      data_dir: dataset.
      run_dir: of the training, which is resumed if it was begun.
      end: a time of `time.monotonic()`.

    Raises:
      KeyboardInterrupt: after SIGINT, with everything saved.
      StoppedError: after SIGTERM, likewise.
    """
    settings = settings_of(level.start, level.num_steps, level.validations)
    deadline = end - 1.5 * level.speed.validation_secs
    try:
        train(
            *(settings, str(run_dir), data_dir, level.start),
            lambda: _operative(level.start, settings),
            deadline=deadline,
        )
    finally:
        level.bits = best_bits(run_dir)


def best_bits(run_dir: Path) -> float | None:
    """The best score of a run whose best checkpoint is there."""
    if not Run.exists(str(run_dir)):
        return None
    scores = [bits_of(line) for line in read_metrics(run_dir) if line["split"] == "validation"]
    return min(scores, default=None)


def settings_of(start: str, num_steps: int, validations: int) -> TrainingSettings:
    """How a level is trained further: the model, batches and crops of its run, a shorter schedule.

    Of an autoencoder, the local model: its codes stay what they are, and so a prior on them fits.
    """
    run = Run.open(start)
    with log.quiet():  # older runs have older names
        bound = bindings.read_model([str(Path(run.directory) / "operative.gin")])
    has_codes = bool(run.configured_model().num_codes)
    batch_size, crop_steps = bound.value("train.batch_size"), bound.value("train.crop_steps")
    every = -(-num_steps // validations)
    return TrainingSettings(
        model=run.configured_model,
        num_steps=num_steps,
        batch_size=batch_size,
        crop_steps=crop_steps,
        kind=run.info.kind,
        companding=run.info.companding or TrainingSettings.companding,
        optimization=Optimization(
            learning_rate=_LEARNING_RATE,
            schedule="cosine",
            warmup_steps=min(50, num_steps // 4),
            beta_2=0.99,
            polyak_decay=0.99,
        ),
        intervals=Intervals(
            log=max(every // 4, 1),
            validate=every,
            save=every,
            keep=1,
            patience=0 if has_codes else budget.PATIENCE,
            # A code stands for more music than a sample: fewer are enough.
            validation_ids=(16 if has_codes else 4) * batch_size * crop_steps,
            audio_secs=0.0,
        ),
        precision=bound.value("train.precision"),
        allow_short_crops=True,
        part="local_model" if has_codes else "all",
    )


def _operative(start: str, settings: TrainingSettings) -> str:
    """The gin text of a tuned run: of the run that it started from, and what is another here."""
    optimization, intervals = settings.optimization, settings.intervals
    return (
        Run.open(start).operative_gin()
        + f"""
# Fine-tuned by ada.tune:
train.num_steps = {settings.num_steps}
train.hooks = ()
train.part = {settings.part!r}
train.first_phase = None
Optimization.learning_rate = {optimization.learning_rate}
Optimization.warmup_steps = {optimization.warmup_steps}
Optimization.polyak_decay = {optimization.polyak_decay}
Intervals.validate = {intervals.validate}
Intervals.patience = {intervals.patience}
"""
    )
