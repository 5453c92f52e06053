"""Encodes the dataset of an autoencoder's run into a dataset of codes.

python -m ada.extract_codes --run_dir=runs/hop64_vqvae --output_dir=data/hop64_codes

With --runner=beam many sources are encoded at a time, on all cores or on other machines that reach
the run, the data and the output; every worker process loads the model once. On a GPU one process is
best, which is the default.

With --num_offsets=8 the train split is encoded 8 times, each time without its first 0, 8, 16...
samples (at a hop of 64). It is the same music in different codes: a prior trained on all of them
predicts better and overfits less. Validation and test are encoded once, so that scores stay
comparable.
"""

from absl import flags

from ada.cli import commands, runner_flags, value_flags

FLAGS = flags.FLAGS
value_flags.define_path("run_dir", None, "Run directory of an autoencoder.")
value_flags.define_path("output_dir", None, "Dataset directory to write.")
flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Checkpoint that encodes.")
value_flags.define_path(
    "data_dir", None, "Dataset to encode. Default: what the run was trained on."
)
flags.DEFINE_bool("overwrite", False, "Replace codes of another checkpoint.")
value_flags.define_count(
    "num_offsets",
    1,
    "Number of offsets, evenly spaced within the hop, at which the train split is encoded. If the "
    "data are codes at several offsets already, the numbers multiply.",
    lower_bound=1,
)
runner_flags.define(default="in_process")
flags.mark_flags_as_required(["run_dir", "output_dir"])


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.cli.inputs import check_dataset
    from ada.runs.run import Run

    runner_flags.check()
    Run.open(FLAGS.run_dir).model_config()
    check_dataset(FLAGS.data_dir)


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.extraction.codes import extract_codes

    # In this process one at a time: a model uses all cores, or the GPU, by itself.
    run_jobs = runner_flags.chosen(label="Encoding", unit="source", num_threads=1)
    spec = extract_codes(
        FLAGS.run_dir,
        FLAGS.output_dir,
        FLAGS.checkpoint,
        FLAGS.overwrite,
        FLAGS.data_dir,
        run_jobs,
        FLAGS.num_offsets,
    )
    counts = ", ".join(f"{name} {split.num_steps}" for name, split in spec.splits.items())
    train = spec.splits["train"]
    if train.num_offsets > 1:
        counts += f"; train is {train.hours:.3g} hours of audio at {train.num_offsets} offsets"
    print(f"{FLAGS.output_dir}: {spec.num_classes} codes, {spec.step_rate:g} a second; {counts}.")


if __name__ == "__main__":
    commands.run(main, check)
