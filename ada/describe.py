"""Describes a model or a system before any training, or the model of a run.

python -m ada.describe --gin_file=gin/hop64_vqvae.gin
python -m ada.describe --gin_file=gin/systems/hop64_vqvae.gin
python -m ada.describe --gin_file=gin/systems/hop64_vqvae.gin --tflops=60 --replicas=8 --hours=200
"""

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_gin_files("Gin file; may be repeated, later ones win.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding; may be repeated.")
value_flags.define_path("run_dir", None, "A run directory instead of gin files.")
value_flags.define_sample_rate("Sample rate of the audio in Hz, unless a run states it.")
value_flags.define_count("hop_length", None, "Audio samples to one id, for a model of codes.")
value_flags.define_float(
    "tflops",
    None,
    "TFLOPS of a GPU, TPU core or processor at its best, to estimate how long training takes.",
    lower_bound=1e-6,
)
value_flags.define_float("utilisation", 0.3, "Share of --tflops that training gets.", 0.001, 1.0)
value_flags.define_count("replicas", 1, "GPUs, TPU cores or processors that train together.")
value_flags.define_float("hours", None, "Hours of audio to train on.", lower_bound=1e-3)


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.config import bindings
    from ada.runs.run import Run
    from ada.utils.errors import UsageError

    if bool(FLAGS.gin_file) == bool(FLAGS.run_dir):
        raise UsageError("give either --gin_file or --run_dir.")
    if FLAGS.tflops is None and (FLAGS.replicas > 1 or FLAGS.hours is not None):
        raise UsageError("an estimate for --replicas or --hours needs --tflops as well.")
    if FLAGS.run_dir and FLAGS.tflops is not None:
        raise UsageError("--tflops estimates the training of gin files, not of a run.")
    if FLAGS.run_dir:
        Run.open(FLAGS.run_dir).model_config()
    elif bindings.is_system(FLAGS.gin_file[0]):
        bindings.read_system(FLAGS.gin_file, FLAGS.gin_param)
    else:
        bindings.read_model(FLAGS.gin_file, FLAGS.gin_param)


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.config import bindings, configuration
    from ada.inspection.description import describe, describe_system
    from ada.inspection.estimate import Machine
    from ada.runs.run import Run

    if FLAGS.run_dir:
        run = Run.open(FLAGS.run_dir)
        print(describe(run.build_model(), run.info.sample_rate, run.info.hop_length))
        return

    def build(gin_files: list[str], gin_params: list[str]) -> tuple:
        settings = configuration.load(gin_files, gin_params)
        model = settings.model()
        model.build()
        configuration.check_all_used()
        return model, settings

    machine = None
    if FLAGS.tflops is not None:
        machine = Machine(FLAGS.tflops, FLAGS.utilisation, FLAGS.replicas)
    first, *overlays = FLAGS.gin_file
    if bindings.is_system(first):
        levels = []
        for name in bindings.load_system(first):
            files = [f"gin/{name}.gin", *overlays]
            model, settings = build(files, configuration.params_for(files, FLAGS.gin_param))
            levels.append((name, model, settings))
        print(describe_system(levels, FLAGS.sample_rate, machine, FLAGS.hours))
        return
    model, settings = build(FLAGS.gin_file, FLAGS.gin_param)
    hop = FLAGS.hop_length or 1
    # Codes have a rate only once their hop is known.
    known = FLAGS.hop_length or settings.kind == "audio"
    rate = FLAGS.sample_rate if known else None
    print(describe(model, rate, hop, settings, machine, FLAGS.hours))


if __name__ == "__main__":
    commands.run(main, check)
