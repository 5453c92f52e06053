"""Puts small faults into a copy of the code, and shows which test finds each.

    python -m tools.mutations

A suite that is made faster must find as much as before: each fault has to be found by `make test`.
To take minutes instead of hours, each is put to the tests of its own file or folder alone.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
flags.DEFINE_list("only", [], "Names of faults; all by default.")
value_flags.define_path("json", None, "File to write the table to.")

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("ada", "data_prep", "gin", "tests", "tools", "setup.py", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Fault:
    """A fault to be found.

    Attributes:
      name: what is wrong.
      file: that it is in.
      old: text that stands once in it.
      new: what replaces it.
      tests: files or folders that are to find it, separated by spaces.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault(
        "commitment loss moves the codebook",
        "ada/quantizers/loss.py",
        "beta * mean_square(tf.stop_gradient(e) - q, weights)",
        "beta * mean_square(e - tf.stop_gradient(q), weights)",
        "tests/quantizers",
    ),
    Fault(
        "straight-through gradient is lost",
        "ada/quantizers/argmax.py",
        "q + tf.stop_gradient(e - q)",
        "tf.stop_gradient(e)",
        "tests/quantizers",
    ),
    Fault(
        "dilations begin at 2",
        "ada/models/wavenet.py",
        "dilation_rate=2 ** (k % layers_per_stack)",
        "dilation_rate=2 ** (k % layers_per_stack + 1)",
        "tests/models/test_wavenet.py",
    ),
    Fault(
        "+1.0 falls outside the classes",
        "ada/audio/companding.py",
        "xp.clip(cell, 0.0, num_classes - 1.0)",
        "xp.clip(cell, 0.0, num_classes * 1.0)",
        "tests/audio",
    ),
    Fault(
        "top-k keeps one class too many",
        "ada/generation/choice.py",
        "min(top_k or num_classes, num_classes)",
        "min(top_k + 1 or num_classes, num_classes)",
        "tests/generation/test_choice.py",
    ),
    Fault(
        "conditioning is one code late",
        "ada/generation/conditioning.py",
        "slice((first - begin) * self.rate, (last - begin) * self.rate)",
        "slice((first - begin + 1) * self.rate, (last - begin + 1) * self.rate)",
        "tests/generation/test_conditioning.py",
    ),
    Fault(
        "a resumed run skips a batch",
        "ada/training/loop.py",
        "first_step=step,",
        "first_step=step + 1 if step else 0,",
        "tests/training/test_resume.py",
    ),
    Fault(
        "gradients of replicas are summed twice",
        "ada/training/trainer.py",
        "gradient / replicas for gradient",
        "gradient * 1.0 for gradient",
        "tests/training/test_replicas.py",
    ),
    Fault(
        "the average of weights lags",
        "ada/models/polyak.py",
        "average + (1.0 - decay) * (source.value - average)",
        "average + (1.0 - decay) * 0.5 * (source.value - average)",
        "tests/models/test_polyak.py",
    ),
    Fault(
        "a step is not scored",
        "ada/data/pipeline.py",
        '(place >= row["count_from"])',
        '(place > row["count_from"])',
        "tests/data/test_windows.py tests/data/test_pipeline.py",
    ),
    Fault(
        "codes at an offset are those of another",
        "ada/extraction/job.py",
        "self.shift + start, length)",
        "start, length)",
        "tests/extraction/test_offsets.py",
    ),
    Fault(
        "a level takes another one's random numbers",
        "ada/generation/level.py",
        "self.index, block",
        "self.index + 1, block",
        "tests/generation/test_level.py",
    ),
    Fault(
        "the best members copy the worst",
        "ada/population/history.py",
        "key=lambda s: (-s.score, s.member)",
        "key=lambda s: (s.score, s.member)",
        "tests/population/test_history.py",
    ),
    Fault(
        "filters a semitone too high",
        "ada/extensions/filterbank.py",
        "self.lowest_hz * 2.0**steps",
        "self.lowest_hz * 2.0 ** (steps + 1 / 12)",
        "tests/extensions",
    ),
    Fault(
        "residual codes are looked up in the wrong order",
        "ada/extensions/grouped_vector.py",
        "residual -= tf.stop_gradient(tf.gather(codebook, code))",
        "residual += tf.stop_gradient(tf.gather(codebook, code))",
        "tests/extensions",
    ),
)


def main(argv: list[str]) -> int:
    """Runs the command; returns 1 if a fault was not found."""
    del argv
    chosen = [fault for fault in FAULTS if not FLAGS.only or fault.name in FLAGS.only]
    rows = []
    for fault in chosen:
        found = found_by(fault)
        print(f"{fault.name:50} {fault.file:34} {found or 'NOT FOUND'}", flush=True)
        rows.append({"fault": fault.name, "file": fault.file, "found_by": found})
    if FLAGS.json:
        Path(FLAGS.json).write_text(json.dumps(rows, indent=2) + "\n")
    return int(not all(row["found_by"] for row in rows))


def found_by(fault: Fault) -> str | None:
    """The first test that fails with a fault; None if all pass."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name)
            else:
                shutil.copy(source, copy / name)
        path = copy / fault.file
        text = path.read_text("utf-8")
        if text.count(fault.old) != 1:
            raise ValueError(f"{fault.file} does not hold {fault.old!r} once")
        path.write_text(text.replace(fault.old, fault.new))
        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not long"]
        command = ["-m", "pytest", *options, *fault.tests.split()]
        process = subprocess.run(
            [sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False
        )
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", process.stdout, re.M)
        return failed and failed[1]


if __name__ == "__main__":
    commands.run(main, tensorflow=False)
