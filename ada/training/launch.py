"""Starts a training from its settings: checks them, resumes what exists, runs the loop."""

import contextlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from ada.data import Dataset
from ada.models import PolyakAverage
from ada.runs import run as runs
from ada.runs.checkpoint_files import all_checkpoints
from ada.runs.model_json import model_config
from ada.training.checkpoints import Checkpoints
from ada.training.distributed.strategies import compiled_by_xla, make_strategy
from ada.training.distributed.workers import Workers
from ada.training.loop import Loop
from ada.training.loss_scale import LossScale
from ada.training.settings import TrainingSettings
from ada.training.start import (
    check_fit,
    check_warmup,
    info_of_new_run,
    load_below,
    make_hooks,
    make_model,
    open_or_create,
    start_from,
)
from ada.training.tensorboard.hparams import hyperparameters, write_row
from ada.training.tensorboard.summaries import METRICS, step_of_line
from ada.training.trainer import Trainer
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import exclusive


def train(
    settings: TrainingSettings,
    run_dir: str,
    data_dir: str,
    init_from: str | None = None,
    describe: Callable[[], str] = lambda: "",
    workers: Workers | None = None,
    about: Callable[[keras.Model], Mapping[str, str]] = lambda model: {},
    profile: bool = False,
    deadline: float = math.inf,
) -> None:
    """Trains a model into a run directory, or resumes the training there.

    Args:
      settings: of the training.
      run_dir: directory of the run; with several processes, one that all can access.
      data_dir: dataset directory.
      init_from: a run directory whose weights and codebook to start from, with a new optimizer;
        with two phases, for the first one.
      describe: called after the model is made; returns the text of `operative.gin`.
      workers: the processes of the strategy, if it was made already.
      about: returns texts about the built model by name, for TensorBoard.
      profile: whether to write a profile of a few steps for TensorBoard.
      deadline: a time of `time.monotonic()` at which training ends even if steps remain, validated
        and saved like the last one; in one process only.

    Raises:
      UserError: for data that does not fit, a run directory of another model, or a loss that is
        not finite.
      StoppedError: after SIGTERM, or if another process is gone.
      KeyboardInterrupt: after SIGINT, with everything saved.
    """
    workers = workers or Workers(make_strategy(settings.strategy))
    arguments = (data_dir, describe, workers, about, profile, deadline)
    if settings.first_phase is None:
        _train_phase(settings, run_dir, init_from, *arguments)
        return
    first, second = str(Path(run_dir) / runs.BOTTLENECK), settings.of_second_phase()
    # Once the second phase has begun, the first is over.
    if not runs.Run.exists(run_dir):
        # Checked now, to find errors of the second phase before the first one takes hours.
        check_fit(second, settings.model(), Dataset.open(data_dir))
        _train_phase(settings.of_first_phase(), first, init_from, *arguments)
    start = first if runs.Run.exists(first) else None
    _train_phase(second, run_dir, start, *arguments)


def _train_phase(
    settings: TrainingSettings,
    run_dir: str,
    init_from: str | None,
    data_dir: str,
    describe: Callable[[], str],
    workers: Workers,
    about: Callable[[keras.Model], Mapping[str, str]],
    profile: bool,
    deadline: float,
) -> None:
    """`train` of one run directory."""
    with workers.watched(run_dir):
        with workers.agreeing():
            dataset = Dataset.open(data_dir)
        trainer = make_trainer(settings, workers.strategy)
        network = trainer.model
        with workers.agreeing():
            operative = describe()
            check_fit(settings, network, dataset)
            info = info_of_new_run(run_dir, settings, network, dataset, init_from)
        workers.check_same(
            {
                "settings": operative,
                "model": model_config(network),
                "data": repr(dataset.spec),
                "--init_from": str(init_from),
            }
        )
        with contextlib.ExitStack() as stack:
            with workers.agreeing():
                # Before anything is written; a checkpoint of the run itself takes precedence.
                if init_from:
                    start_from(network, init_from)
                    trainer.polyak.reset()
                    trainer.codes_changed()
                begun = all_checkpoints(str(Path(run_dir) / "checkpoints"))
                if settings.part == "local_model" and not init_from and not begun:
                    raise UserError(
                        f"the first phase of {run_dir} is gone, and its local model was not saved "
                        "yet: choose another --run_dir to train from the beginning."
                    )
                if settings.part != "local_model" and not begun:
                    load_below(network, dataset)
                check_warmup(settings, trainer.hooks)
                run = runs.Run(run_dir, info, dataset.spec)
                if workers.is_chief:
                    stack.enter_context(exclusive(run_dir))
                    run = open_or_create(run_dir, info, dataset, network, operative)
            loop = _make_loop(run, trainer, dataset, settings, operative, workers, profile)
            if loop is None:
                return
            if loop.summaries is not None:
                for name, text in about(network).items():
                    loop.summaries.text(name, text)
                write_row(run_dir, hyperparameters(settings, network))
            with loop.signals.watched():
                loop.run_on(deadline=deadline)


def _make_loop(
    run: runs.Run,
    trainer: Trainer,
    dataset: Dataset,
    settings: TrainingSettings,
    operative: str,
    workers: Workers,
    profile: bool,
) -> Loop | None:
    """The loop, from the newest checkpoint; None if the training is complete."""
    run_dir, network = run.directory, trainer.model
    with workers.agreeing():
        checkpoints = Checkpoints(run_dir, trainer, settings.intervals.keep, workers.is_chief)
        if workers.is_chief and not checkpoints.restore():
            _require_begun(run, settings)
    # Not from the files, which other machines may see later.
    workers.follow_chief(checkpoints.variables)
    resumed = trainer.step > 0
    # A training stopped during its last validation still has to validate.
    done = trainer.step >= settings.num_steps and not checkpoints.validation_is_due(
        trainer.step, settings.intervals.validate, last=True
    )
    if done or checkpoints.stopped_early(settings.intervals.patience):
        if workers.is_chief:
            _tell_complete(run, settings, operative, trainer.step)
        return None
    where = f" as worker {workers.number} of {workers.count}" if workers.count > 1 else ""
    log.info(
        f"{'Resuming' if resumed else 'Training'} {run_dir}{where}: {network.count_params():,} "
        f"parameters, receptive field {network.receptive_field} steps, step {trainer.step} of "
        f"{settings.num_steps}. Watch it: tensorboard --logdir={run_dir}"
    )
    with workers.agreeing():
        if workers.is_chief:
            run.write_operative_gin(operative)
        return Loop(run, trainer, dataset, checkpoints, settings, workers, profile)


def _require_begun(run: runs.Run, settings: TrainingSettings) -> None:
    """Raises UserError for a run without checkpoints that must have had some."""
    path = Path(run.directory) / METRICS
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
    reached = max(filter(math.isfinite, map(step_of_line, lines)), default=0)
    if reached > settings.intervals.save:
        raise UserError(
            f"{run.directory} had come to step {reached:.0f} ({METRICS}), but its checkpoints are "
            "gone: copy them there again, or choose another --run_dir to train from scratch."
        )


def _tell_complete(run: runs.Run, settings: TrainingSettings, operative: str, step: int) -> None:
    log.info(f"{run.directory} is complete: {step} of {settings.num_steps} steps.")
    if run.operative_gin() != operative:
        log.warning(
            "The settings differ from those of its operative.gin; "
            "nothing was trained. For a new run, choose another --run_dir."
        )


def check_divisible(settings: TrainingSettings, replicas: int) -> None:
    """Raises UserError, with valid sizes, if replicas and micro-batches do not divide a batch."""
    parts = replicas * settings.accumulation_steps
    if settings.batch_size % parts:
        name = "FIRST_PHASE_BATCH_SIZE" if settings.part == "bottleneck" else "BATCH_SIZE"
        below = settings.batch_size // parts * parts
        raise UserError(
            f"batch_size {settings.batch_size} cannot be divided into "
            f"{settings.accumulation_steps} micro-batches on each of {replicas} replicas: set "
            f"{name} to {f'{below} or ' if below else ''}{below + parts}."
        )


def make_trainer(
    settings: TrainingSettings, strategy: tf.distribute.Strategy | None = None
) -> Trainer:
    """A new model with what trains it, under its strategy's scope.

    Raises:
      UserError: if replicas and micro-batches do not divide the batch.
    """
    strategy = strategy or make_strategy(settings.strategy)
    check_divisible(settings, strategy.num_replicas_in_sync)
    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        network = make_model(settings)
        hooks = make_hooks(settings, network)
        polyak = PolyakAverage(network, settings.optimization.polyak_decay)
        optimizer = settings.optimization.make_optimizer(settings.num_steps)
        loss_scale = LossScale() if settings.precision == "mixed_float16" else None
    return Trainer(
        network,
        optimizer,
        polyak,
        strategy,
        settings.optimization.clip_norm,
        compiled_by_xla(settings, strategy),
        settings.seed,
        settings.accumulation_steps,
        loss_scale,
        hooks,
    )
