"""Commands one after the other in one process, as in a notebook, and without TensorFlow."""

import json
import os
import signal
import subprocess
import sys

import pytest
from absl import flags, logging
from support import MICRO, ROOT, run_here

import gin
from ada.preparation import bundled
from tools.benchmarks.refusals import KINDS, QUESTIONS, make_files

HOP64 = "--gin_file=gin/hop64_vqvae.gin"
# What takes seconds to import.
SLOW = ("tensorflow", "keras", "scipy", "apache_beam", "ray", "music21", "pandas", "matplotlib")
LIGHT = (
    *(
        "ada",
        "ada.audio",
        "ada.data",
        "ada.data.spec",
        "ada.preparation.options",
        "ada.runs.run",
        "ada.runs.chain",
    ),
    *("ada.config.bindings", "ada.generation", "ada.listening", "ada.population", "ada.pretrained"),
)
# Runs a command with several command lines, one after the other.
ASK = """
import json, runpy, sys
command, questions, slow = json.loads(sys.argv.pop())
for question in questions:
    sys.argv[1:] = question
    try:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    except SystemExit as done:
        print(f"\\nexit code {done.code}", flush=True)
print("imported", *sorted(set(slow) & set(sys.modules)))
"""


@pytest.mark.parametrize("command", QUESTIONS)
def test_help_and_refusals_import_nothing_slow(command, tmp_path):
    names = make_files(tmp_path)
    questions = [["--help"], *([a.format(**names) for a in q] for q in QUESTIONS[command])]
    asked = json.dumps([command, questions, SLOW])
    process = subprocess.run(
        [sys.executable, "-c", ASK, asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    codes = [line.split()[-1] for line in process.stdout.splitlines() if "exit code" in line]
    assert codes[0] == "0" and set(codes[1:]) <= {"1", "2"} and len(codes) == len(KINDS)
    message = process.stderr.splitlines()
    for question, line in zip(questions[1:], message, strict=True):
        assert line.startswith(("Error: ", "Wrong usage: "))
        parts = [part for argument in question for part in argument.lstrip("-").split("=")]
        # A flag or value of the question is named, or the flag that it lacks.
        named = any(part in line for part in parts if len(part) > 1)
        assert named or "None" in line, (question, line)
    assert process.stdout.splitlines()[-1] == "imported"
    assert not (tmp_path / "nothing").exists()


def test_modules_import_nothing_slow():
    code = (
        f"import importlib, sys\nfor name in {LIGHT}:\n    importlib.import_module(name)\n"
        f"    slow = set({SLOW}) & set(sys.modules)\n    assert not slow, (name, slow)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def state():
    """What commands may change of a process."""
    return {
        "flags": sorted(flags.FLAGS),
        "parsed": flags.FLAGS.is_parsed(),
        "gin": gin.config_str(),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "environment": dict(os.environ),
        "verbosity": logging.get_verbosity(),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "arguments": list(sys.argv),
        "main": sys.modules["__main__"],
    }


@pytest.mark.parametrize("command", QUESTIONS)
def test_refusals_leave_nothing_behind(command, tmp_path):
    names, before = make_files(tmp_path), state()
    for question in (["--help"], *QUESTIONS[command]):
        run_here(command, *(argument.format(**names) for argument in question))
        assert state() == before


def test_a_model_is_described_and_trained_in_one_process(tmp_path):
    data, before = tmp_path / "data", state()
    bundled.prepare_bundled(str(data))
    described = run_here("ada.describe", HOP64, *MICRO)
    assert described.returncode == 0, described.stderr
    assert "receptive field" in described.stdout
    assert state() == before
    flags = [HOP64, *MICRO, f"--data_dir={data}", f"--run_dir={tmp_path / 'run'}"]
    for message in ("step 0 of 6", "is complete: 6 of 6"):
        trained = run_here("ada.train", *flags)
        assert trained.returncode == 0, trained.stderr
        assert message in trained.stderr
        assert state() == before
