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
from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags
from tools.faults import FAULTS, Fault

FLAGS = flags.FLAGS
flags.DEFINE_list("only", [], "Names of faults; all by default.")
value_flags.define_path("json", None, "File to write the table to.")

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("ada", "data_prep", "gin", "tests", "tools", "setup.py", "pyproject.toml", "README.md")


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
