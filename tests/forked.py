"""Commands in processes forked from one that has imported TensorFlow already.

They are as separate from each other as processes of their own, but start in a blink.
"""

import atexit
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

from ada import stages

ROOT = Path(__file__).resolve().parents[1]
_PROCESSES = multiprocessing.get_context("forkserver")
# What commands import but their own modules, which define flags.
_PROCESSES.set_forkserver_preload(
    [
        *("ada.commands", "tensorflow", "tensorflow_probability", "keras", "soundfile"),
        *("ada.data.preparation", "ada.evaluation.report", "ada.generation.streaming"),
        *("ada.serving.exporting", "ada.training.launch"),
    ]
)


def run(command, cwd, timeout):
    """Runs `python -m` of a module and arguments; returns the finished process, output as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)  # where the server that is forked looks for modules
            process = _started(command, cwd, {1: out, 2: err})
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    return subprocess.CompletedProcess(command, process.exitcode, *texts)


def _started(command, cwd, files):
    numbers = {number: _Duplicate(file.fileno()) for number, file in files.items()}
    with pytest.MonkeyPatch.context() as patch:
        # Children would import it, and define its flags.
        patch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        process = _PROCESSES.Process(
            target=_command, args=(command, str(cwd), dict(os.environ), numbers)
        )
        process.start()
    return process


class _Duplicate:
    """An open file on its way to another process."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return _detached, (multiprocessing.reduction.DupFd(self.number),)


def _detached(duplicate):
    return duplicate.detach()


def _command(command, cwd, environment, numbers):
    """What a child does: what `python -m` of the command would."""
    for number, file in numbers.items():
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
    stages.run_command = _stage
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()


def _stage(command):
    """`ada.stages.run_command` of commands that run others."""
    process = _started(list(command), Path.cwd(), {1: sys.stdout, 2: sys.stderr})
    process.join()
    return process.exitcode
