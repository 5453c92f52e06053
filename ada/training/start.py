"""Before the first step: does everything fit, and is the run new, resumed or fine-tuned?"""

import keras

from ada import log, runs
from ada.data import Dataset
from ada.data.spec import write_text_atomically
from ada.errors import UserError
from ada.training.settings import TrainingSettings

PRECISIONS = ("float32", "mixed_bfloat16")


def make_model(settings: TrainingSettings) -> keras.Model:
    """The built model, its layers in the precision asked for."""
    if settings.precision not in PRECISIONS:
        raise UserError(
            f"train.precision must be one of {', '.join(PRECISIONS)}, got {settings.precision!r}."
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        network = settings.model()
    finally:
        keras.config.set_dtype_policy(before)
    network.build()
    return network


def run_info(
    settings: TrainingSettings, network: keras.Model, dataset: Dataset, init_from: str | None
) -> runs.RunInfo:
    """What `run.json` will say."""
    spec = dataset.spec
    return runs.RunInfo(
        kind=spec.kind,
        sample_rate=spec.sample_rate,
        hop_length=spec.hop_length,
        num_classes=network.num_classes,
        companding=settings.companding if spec.kind == "audio" else None,
        data_dir=dataset.directory,
        upstream=dict(spec.upstream),
        init_from=init_from,
    )


def check_fit(settings: TrainingSettings, network: keras.Model, dataset: Dataset) -> None:
    """Raises UserError if model, crop and data do not fit each other."""
    spec, crop_steps = dataset.spec, settings.crop_steps
    if spec.kind != settings.kind:
        raise UserError(
            f"{dataset.directory} holds {spec.kind}, the model is for {settings.kind}: name "
            "another --data_dir."
        )
    if spec.kind == "codes" and spec.num_classes != network.num_classes:
        raise UserError(
            f"{dataset.directory} holds {spec.num_classes} codes, the model has "
            f"{network.num_classes} classes; set NUM_CODES to {spec.num_classes}."
        )
    field = network.receptive_field
    if crop_steps < field + 1 and not settings.allow_short_crops:
        raise UserError(
            f"a crop of {crop_steps} steps is shorter than the receptive field of {field} plus "
            f"one: set train.crop_steps to at least {field + 1}, or train.allow_short_crops=True."
        )
    hop = getattr(network, "hop_length", 1)
    if crop_steps % hop:
        raise UserError(f"train.crop_steps {crop_steps} must be a multiple of the hop, {hop}.")


def open_or_create(
    run_dir: str, info: runs.RunInfo, dataset: Dataset, network: keras.Model, operative: str
) -> runs.Run:
    """The run in `run_dir`: a new one, or the one that is there if it is of the same model.

    Raises:
      UserError: if it is of another model or was trained on other data.
    """
    if not runs.Run.exists(run_dir):
        return runs.Run.create(run_dir, info, dataset.spec, network, operative)
    run = runs.Run.open(run_dir)
    config = (runs.Path(run_dir) / "model.json").read_text()
    if config != runs.model_config(network):
        raise UserError(
            f"{run_dir} holds another model (see its operative.gin): choose another --run_dir, or "
            "remove it to train anew."
        )
    if run.spec.upstream.get("digest") != dataset.spec.upstream.get("digest"):
        raise UserError(
            f"{run_dir} was trained on codes of checkpoint {run.spec.upstream.get('digest')}, "
            f"{dataset.directory} holds codes of {dataset.spec.upstream.get('digest')}: choose "
            "another --run_dir."
        )
    if run.spec.splits != dataset.spec.splits:
        raise UserError(
            f"{run_dir} was trained on other data than {dataset.directory} holds: choose another "
            "--run_dir, or --init_from to start from its weights."
        )
    # Intervals, the number of steps and the like may differ from the last time.
    write_text_atomically(str(runs.Path(run_dir) / "operative.gin"), operative)
    return run


def start_from(network: keras.Model, init_from: str) -> None:
    """Sets weights and codebook to the averaged ones of another run (fine-tuning).

    Raises:
      UserError: if that run is of another model.
    """
    source = runs.Run.open(init_from).load_model()
    # Settings that do not change the weights, such as INPUT_REPLACEMENT, may differ.
    if [w.shape for w in source.weights] != [w.shape for w in network.weights]:
        raise UserError(
            f"--init_from: {init_from} is another model than the one configured; use the gin "
            "files it was trained with (see its operative.gin)."
        )
    for target, value in zip(network.weights, source.weights, strict=True):
        target.assign(value)
    log.info(f"Started from the weights of {init_from}.")
