"""Encodes the dataset of an autoencoder's run into a dataset of codes.

python -m ada.extract_codes --run_dir=runs/hop64_vqvae --output_dir=data/hop64_codes
"""

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run directory of an autoencoder.")
flags.DEFINE_string("output_dir", None, "Dataset directory to write.")
flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "Which of its checkpoints encodes.")
flags.DEFINE_string("data_dir", None, "Dataset to encode. Default: what the run was trained on.")
flags.DEFINE_bool("overwrite", False, "Replace codes of another checkpoint.")
flags.mark_flags_as_required(["run_dir", "output_dir"])


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.codes import extract_codes

    spec = extract_codes(
        FLAGS.run_dir, FLAGS.output_dir, FLAGS.checkpoint, FLAGS.overwrite, FLAGS.data_dir
    )
    counts = ", ".join(f"{name} {split.num_steps}" for name, split in spec.splits.items())
    print(f"{FLAGS.output_dir}: {spec.num_classes} codes, {spec.step_rate:g} a second; {counts}.")


if __name__ == "__main__":
    commands.run(main)
