"""Benchmarks: speed against what the machine can do, measured in the same run.

    python -m tools.benchmark training
    python -m tools.benchmark generation --json=generation.json
    python -m tools.benchmark preparation --input_audio_filepatterns='music/**/*'
    python -m tools.benchmark input
    python -m tools.benchmark memory
    python -m tools.benchmark throughput
    python -m tools.benchmark serving
    python -m tools.benchmark playing
    python -m tools.benchmark refusals
    python -m tools.benchmark learning --input_audio_filepatterns='music/*'

Unset OPENBLAS_CORETYPE and similar variables first: NumPy sets the limits.
"""

import importlib
import json

from absl import flags

from ada.cli import commands, value_flags
from ada.utils.errors import UsageError

BENCHMARKS = (
    *("training", "generation", "preparation", "input", "memory", "throughput", "learning"),
    *("serving", "playing", "refusals"),
)

FLAGS = flags.FLAGS
value_flags.define_path("json", None, "A file to write a list of results to.")
flags.DEFINE_integer("runs", 5, "Counted runs of each figure; the median is reported.", 1)
value_flags.define_patterns(
    "input_audio_filepatterns",
    [],
    "For `preparation` and `learning`: audio files. Default: the bundled audio.",
)
flags.DEFINE_list(
    "sizes",
    [],
    "For `training`, `memory`, `generation`, `serving`: residual x skip channels, such as "
    "64x128,128x256.",
)
flags.DEFINE_list(
    "precisions", [], "For `training`, `memory`, `throughput`: such as float32,mixed_bfloat16."
)
value_flags.define_gin_files("For `learning` and `throughput`: other gin files.")
flags.DEFINE_multi_string("gin_param", [], "For these: gin binding; may be repeated.")
value_flags.define_secs("budget_secs", 600.0, "For `learning`: seconds of training.", 1.0)
flags.DEFINE_integer("train_steps", None, "For `learning`: number of steps, however long.", 4)


def main(argv: list[str]) -> None:
    """Runs the command."""
    if len(argv) < 2 or argv[1] not in BENCHMARKS:
        raise UsageError(f"name one of {', '.join(BENCHMARKS)}")
    if argv[1] != "refusals":
        commands.start_tensorflow()
    results = importlib.import_module(f"tools.benchmarks.{argv[1]}").run(FLAGS)
    columns = list(results[0])
    print("  ".join(columns))
    for result in results:
        print("  ".join(f"{result[c]!s:>{len(c)}}" for c in columns))
    if FLAGS.json:
        from ada.utils.files import write_text_atomically

        write_text_atomically(FLAGS.json, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    commands.run(main, tensorflow=False, arguments=1)
