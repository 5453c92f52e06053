"""Commands in processes forked from one that has imported TensorFlow already.

They are as separate from each other as processes of their own, but start in a blink.
"""

import atexit
import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import types
from multiprocessing import forkserver
from pathlib import Path

import pytest

from ada.systems import stages

ROOT = Path(__file__).resolve().parents[1]
_PROCESSES = multiprocessing.get_context("forkserver")
# What commands import but their own modules, which define flags.
_PROCESSES.set_forkserver_preload(
    [
        *("ada.cli.commands", "tensorflow", "tensorflow_probability", "keras", "av", "soundfile"),
        *("ada.preparation.prepare", "ada.systems.report", "ada.generation.streaming"),
        *("ada.serving.exporting", "ada.training.launch"),
    ]
)


def run(command, cwd, timeout):
    """Runs `python -m` of a module and arguments; returns the finished process, output as text."""
    with tempfile.TemporaryDirectory() as directory:
        outputs = [Path(directory, name) for name in ("stdout", "stderr")]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)  # where the server that is forked looks for modules
            process = _started(command, cwd, outputs)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        texts = [path.read_text() for path in outputs]
    return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _started(command, cwd, outputs):
    with pytest.MonkeyPatch.context() as patch:
        # Children would import it, and define its flags.
        patch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        process = _PROCESSES.Process(
            target=_command, args=(command, str(cwd), dict(os.environ), outputs)
        )
        process.start()
    return process


def _command(command, cwd, environment, outputs):
    """What a child does: what `python -m` of the command would. Output goes to the end of files."""
    for number, path in enumerate(outputs, start=1):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (
        open(number, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    # Children of a server ask it, too, instead of starting one of their own.
    forkserver._forkserver.ensure_running = lambda: None
    stages.run_command = functools.partial(_stage, outputs)
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()


def _stage(outputs, command):
    """`ada.systems.stages.run_command` of commands that run others."""
    process = _started(list(command), Path.cwd(), outputs)
    process.join()
    return process.exitcode
