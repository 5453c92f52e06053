"""Scores a chain of run directories, top first, on a split of their data.

python -m ada.evaluate --run_dirs=runs/prior_hop64,runs/hop64_vqvae
"""

import json

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_list("run_dirs", None, "Run directories, top first; one alone will do.")
flags.DEFINE_enum("split", "validation", ["train", "validation", "test"], "What to score.")
flags.DEFINE_enum(
    "checkpoint", "best", ["best", "latest"], "Which of the top run; below, what fits."
)
flags.DEFINE_string("data_dir", None, "Dataset for the last run. Default: what it was trained on.")
flags.DEFINE_string("json", None, "A file to write all numbers to.")
flags.DEFINE_string("clips_dir", None, "Where to write original and reconstructed clips.")
flags.mark_flag_as_required("run_dirs")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.chain import Chain
    from ada.data.spec import write_text_atomically
    from ada.evaluation.chain import evaluate_chain, table
    from ada.evaluation.reconstruction import write_reconstructions

    chain = Chain.open(FLAGS.run_dirs, FLAGS.checkpoint)
    result = evaluate_chain(chain, FLAGS.split, FLAGS.data_dir)
    if FLAGS.clips_dir and result["levels"][-1]["conditional"]:
        write_reconstructions(
            chain.runs[-1],
            FLAGS.clips_dir,
            split=FLAGS.split,
            checkpoint=chain.checkpoints[-1],
            data_dir=FLAGS.data_dir,
        )
    if FLAGS.json:
        write_text_atomically(FLAGS.json, json.dumps(result, indent=1) + "\n")
    print(table(result))


if __name__ == "__main__":
    commands.run(main)
