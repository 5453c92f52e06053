"""Describes a model before any training, or the model of a run.

python -m ada.describe --gin_file=gin/hop64_vqvae.gin
"""

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("gin_file", [], "Gin file; may be repeated, later ones win.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding; may be repeated.")
flags.DEFINE_string("run_dir", None, "A run directory instead of gin files.")
flags.DEFINE_integer("sample_rate", 16000, "Of the audio, Hz, where no run says so.")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada import configuration
    from ada.description import describe
    from ada.errors import UsageError
    from ada.runs import Run

    if bool(FLAGS.gin_file) == bool(FLAGS.run_dir):
        raise UsageError("give either --gin_file or --run_dir.")
    if FLAGS.run_dir:
        run = Run.open(FLAGS.run_dir)
        print(describe(run.build_model(), run.info.sample_rate, run.info.hop_length))
        return
    settings = configuration.load(FLAGS.gin_file, FLAGS.gin_param)
    model = settings.model()
    model.build()
    configuration.check_all_used()
    crop = (settings.batch_size, settings.crop_steps)
    # Codes have a rate only once their autoencoder is known.
    rate = FLAGS.sample_rate if settings.kind == "audio" else None
    print(describe(model, rate, 1, crop))


if __name__ == "__main__":
    commands.run(main)
