"""Before the first step: checks model and data, and opens or creates the run directory."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from ada.data import Dataset, differing_data
from ada.extensions import CodebookWarmup, CodeFrontEnd, TrainingHook
from ada.runs import sampling_defaults
from ada.runs.info import RunInfo
from ada.runs.model_json import differing_fields, is_old, model_config
from ada.runs.run import RUN_FILES, Run
from ada.runs.upstream import check_upstream, upstream_run
from ada.training.settings import TrainingSettings
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import absolute, is_remote
from ada.utils.made import claim


def make_model(settings: TrainingSettings) -> keras.Model:
    """The built model, its layers in the precision asked for."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        network = settings.model()
    finally:
        keras.config.set_dtype_policy(before)
    network.build()
    network.recompute_layers(settings.recompute_layers)
    try:
        network.train_part(settings.part)
    except ValueError as error:
        raise UserError(f"train.first_phase: {error} Set FIRST_PHASE = None.") from error
    return network


def make_hooks(settings: TrainingSettings, network: keras.Model) -> list[TrainingHook]:
    """The hooks that have an effect in the training of a built model, built.

    Raises:
      UserError: if one does not fit the model.
    """
    hooks = [hook for make in settings.hooks if (hook := make()).applies_to(network)]
    try:
        for hook in hooks:
            hook.build(network)
    except ValueError as error:
        raise UserError(f"train.hooks: {error}") from error
    return hooks


def info_of_new_run(
    run_dir: str,
    settings: TrainingSettings,
    network: keras.Model,
    dataset: Dataset,
    init_from: str | None,
) -> RunInfo:
    """The content of `run.json`."""
    spec, data_dir = dataset.spec, absolute(dataset.directory)
    return RunInfo(
        kind=spec.kind,
        sample_rate=spec.sample_rate,
        hop_length=spec.hop_length,
        num_classes=network.num_classes,
        companding=settings.companding if spec.kind == "audio" else None,
        data_dir=data_dir,
        data_dir_from_run="" if is_remote(data_dir) else os.path.relpath(data_dir, run_dir),
        upstream=dict(spec.upstream),
        init_from=init_from,
        part=settings.part,
        # The encoder is frozen: it stays that of the first phase.
        encoder_digest=Run.open(init_from).codes_digest()
        if init_from and settings.part == "local_model"
        else None,
    )


def check_fit(settings: TrainingSettings, network: keras.Model, dataset: Dataset) -> None:
    """Raises UserError if model, crop and data, or codes and their encoder, do not match."""
    spec, crop_steps = dataset.spec, settings.crop_steps
    if spec.kind != settings.kind:
        raise UserError(
            f"{dataset.directory} holds {spec.kind}, the model is for {settings.kind}: name "
            "another --data_dir."
        )
    if spec.kind == "codes" and spec.num_classes != network.num_classes:
        raise UserError(
            f"{dataset.directory} holds {spec.num_classes} codes, the model has "
            f"{network.num_classes} classes; set NUM_CODES to {spec.num_classes} (of second levels "
            "NUM_CODES_BELOW, with gin/notes.gin HOP64_CODES or LEVEL2_CODES)."
        )
    _check_hearing(settings, network, dataset)
    field = network.receptive_field
    if crop_steps < field + 1 and not settings.allow_short_crops:
        raise UserError(
            f"a crop of {crop_steps} steps is shorter than the receptive field of {field} plus "
            f"one: set train.crop_steps to at least {field + 1}, or train.allow_short_crops=True."
        )
    whole = network.alignment
    if crop_steps % whole:
        group = network.quantizer.group_length if network.quantizer is not None else 1
        what = "the hop" if group == 1 else f"{group} codes of a group"
        raise UserError(f"train.crop_steps {crop_steps} must be a multiple of {what}, {whole}.")
    if spec.kind == "codes":
        check_upstream(dataset)


def _check_hearing(settings: TrainingSettings, network: keras.Model, dataset: Dataset) -> None:
    """Raises UserError if front end or auxiliary loss are configured for other audio."""
    if network.quantizer is None:
        return
    expected = {"sample_rate": dataset.spec.sample_rate}
    if dataset.spec.kind == "audio":
        expected["companding"] = settings.companding
    for layer in (network.encoder.front_end, network.auxiliary):
        for name, value in expected.items():
            found = getattr(layer, name, value)
            if found != value:
                raise UserError(
                    f"{type(layer).__name__}.{name} is {found!r}, but the data are of {value!r}: "
                    f"set it to {value!r}."
                )


def load_below(network: keras.Model, dataset: Dataset) -> None:
    """Copies the weights that a second level's front end needs from the level below.

    Raises:
      UserError: if the run of the level below does not exist or has other layers.
    """
    front_end = network.encoder.front_end if network.quantizer is not None else None
    if not isinstance(front_end, CodeFrontEnd):
        return
    checkpoint, lower = upstream_run(dataset)
    try:
        front_end.load_below(lower.load_model(checkpoint))
    except ValueError as error:
        raise UserError(str(error)) from error


def check_warmup(settings: TrainingSettings, hooks: Sequence[TrainingHook]) -> None:
    """Raises UserError if the training would end before the codebook is initialised."""
    steps = settings.num_steps
    for hook in hooks:
        if isinstance(hook, CodebookWarmup) and hook.is_pending and hook.steps >= steps:
            raise UserError(
                f"an unquantised warm-up of {hook.steps} steps leaves nothing of {steps}: set "
                "CODEBOOK_WARMUP_STEPS lower or train for longer."
            )


def open_or_create(
    run_dir: str, info: RunInfo, dataset: Dataset, network: keras.Model, operative: str
) -> Run:
    """The run in `run_dir`: a new one, or the existing one if it has the same model.

    Raises:
      UserError: if the existing one has another model or other data, or if `sampling.json` of the
        run to start from cannot be used.
    """
    if not Run.exists(run_dir):
        claim(Path(run_dir), "ada.train", RUN_FILES, lambda _: False)
        if info.init_from:
            # Before the run is created, so that an interruption in between does not lose them.
            sampling_defaults.take_over(info.init_from, run_dir)
        return Run.create(run_dir, info, dataset.spec, network, operative)
    run = Run.open(run_dir)
    message = differing_data(run.spec, dataset.spec)
    if message:
        raise UserError(
            f"{run_dir} was trained on other data than {dataset.directory} holds: {message}. "
            "Choose another --run_dir."
        )
    if is_old(run.model_config()):
        raise UserError(
            f"{run_dir} was begun by an older version of ada, whose trainings cannot be resumed: "
            f"start a new run from its weights with --init_from={run_dir}."
        )
    if run.info.part != info.part:
        raise UserError(
            f"{run_dir} trains {run.info.part!r} of its model, these settings {info.part!r}: give "
            "the same train.first_phase, or choose another --run_dir."
        )
    differing = differing_fields(run.model_config(), model_config(network))
    if differing:
        raise UserError(
            f"{run_dir} holds another model ({', '.join(differing[:5])} differ; see its "
            "operative.gin): choose another --run_dir, or remove it to train from scratch."
        )
    if run.info.companding != info.companding:
        raise UserError(
            f"{run_dir} was trained with {run.info.companding} companding, not "
            f"{info.companding}: choose another --run_dir."
        )
    if run.spec.splits != dataset.spec.splits:
        raise UserError(
            f"{run_dir} was trained on other data than {dataset.directory} holds: choose another "
            "--run_dir, or --init_from to start from its weights."
        )
    if run.info.data_dir != info.data_dir:
        # Its data were moved: later commands look for them at the new place.
        return run.moved_data(info.data_dir, info.data_dir_from_run)
    return run


def start_from(network: keras.Model, init_from: str) -> None:
    """Sets weights and codebook to the averaged ones of another run (fine-tuning).

    Raises:
      UserError: if that run has another model.
    """
    source = Run.open(init_from).load_model()
    # Settings that change no weights, such as INPUT_REPLACEMENT or RESTART_EVERY, may differ.
    same = len(network.weights) == len(source.weights)
    pairs = list(zip(network.weights, source.weights, strict=False))
    quantizers = network.quantizer, source.quantizer
    if None not in quantizers:
        same = same and quantizers[0].group_length == quantizers[1].group_length
    if not same or any(target.shape != value.shape for target, value in pairs):
        raise UserError(
            f"--init_from: {init_from} is another model than the one configured; use the gin "
            "files it was trained with (see its operative.gin)."
        )
    for target, value in pairs:
        target.assign(value)
    log.info(f"Started from the weights of {init_from}.")
