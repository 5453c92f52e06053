"""Trains one model into a run directory; the same command again resumes.

python -m ada.train --gin_file=gin/hop64_vqvae.gin
"""

import functools

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_gin_files("Gin file; may be repeated, later ones win.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding, such as NUM_STEPS=1000; may be repeated.")
value_flags.define_path(
    "run_dir", None, "Run directory. Default: runs/<name of the first gin file>."
)
value_flags.define_path(
    "data_dir", None, "Dataset; of codes for priors and second levels. Default: the bundled audio."
)
flags.DEFINE_enum(
    "strategy",
    None,
    ["one_device", "mirrored", "multi_worker", "tpu"],
    "Training strategy, the same as --gin_param=\"STRATEGY='mirrored'\".",
)
flags.DEFINE_bool("profile", False, "Profile 5 steps, after 10 to warm up, for TensorBoard.")
value_flags.define_path(
    "init_from", None, "Run directory whose weights to start from (fine-tuning)."
)


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.cli.inputs import check_inputs, run_dir
    from ada.config.bindings import read_model
    from ada.runs.run import Run
    from ada.utils.errors import UsageError

    if not FLAGS.gin_file:
        raise UsageError("--gin_file is needed, such as --gin_file=gin/hop64_vqvae.gin.")
    bindings = read_model(FLAGS.gin_file, _params())
    # Several processes refuse together, once they are connected.
    if bindings.value("train.strategy") != "multi_worker":
        check_inputs(bindings, run_dir(), FLAGS.data_dir)
        if FLAGS.init_from:
            Run.open(FLAGS.init_from)


def _params() -> list[str]:
    strategy = [f"STRATEGY = {FLAGS.strategy!r}"] if FLAGS.strategy else []
    return [*FLAGS.gin_param, *strategy]


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.cli.inputs import run_dir
    from ada.config import configuration
    from ada.inspection import description
    from ada.preparation import bundled
    from ada.training import Workers, make_strategy, train
    from ada.utils.files import require_local

    settings = configuration.load(FLAGS.gin_file, _params())
    parsed = configuration.parsed()
    configuration.warn_of_unused(FLAGS.gin_param)
    directory = run_dir()
    require_local(directory)
    # Before anything else of TensorFlow: processes are connected while it starts.
    workers = Workers(make_strategy(settings.strategy))
    with workers.watched(directory):
        # Before there are variables, which meet by their shapes.
        workers.check_same({"settings": parsed, "--run_dir": directory})
        with workers.agreeing():
            data_dir = FLAGS.data_dir or bundled.dataset_for(settings.kind)
    train(
        settings,
        directory,
        data_dir,
        FLAGS.init_from,
        configuration.operative,
        workers,
        functools.partial(description.texts, settings, data_dir),
        FLAGS.profile,
    )


if __name__ == "__main__":
    commands.run(main, check)
