"""Commands in processes forked from one that has imported TensorFlow already.

They are as separate from each other as processes of their own, but start in a blink.
"""

import atexit
import functools
import gc
import multiprocessing
import os
import resource
import runpy
import signal
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


class Running:
    """A command that was started, as `subprocess.Popen` has it; its output goes to files.

    Args:
      command: a module, or the path of a file, and its arguments.
      cwd: its directory.
      env: what is different in its environment.
      file_bytes: the longest file that it may write, as on a full disk; None for any.
    """

    def __init__(self, command, cwd=ROOT, env=None, file_bytes=None):
        self._directory = tempfile.TemporaryDirectory()
        self._outputs = [Path(self._directory.name, name) for name in ("stdout", "stderr")]
        self._command = command
        environment = dict(os.environ) | (env or {})
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)  # where the server that is forked looks for modules
            self._process = _started(command, cwd, environment, self._outputs, file_bytes)
        self.pid = self._process.pid

    def poll(self):
        """The exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout=None):
        """Waits for the end; returns the exit code."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self._command, timeout)
        return self.poll()

    def send_signal(self, number):
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def said(self):
        """The text on stdout and that on stderr so far."""
        return [path.read_text() if path.exists() else "" for path in self._outputs]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.wait()
        self._directory.cleanup()


def look_for_garbage_seldom():
    """Tracing makes much at once, and all that was imported would be searched each time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def run(command, cwd, timeout, **kwargs):
    """Runs a command to its end; returns the finished process, its output as text."""
    with Running(command, cwd, **kwargs) as process:
        code = process.wait(timeout)
        return subprocess.CompletedProcess(command, code, *process.said())


def _started(command, cwd, environment, outputs, file_bytes=None):
    with pytest.MonkeyPatch.context() as patch:
        # Children would import it, and define its flags.
        patch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        process = _PROCESSES.Process(
            target=_command, args=(command, str(cwd), environment, outputs, file_bytes)
        )
        process.start()
    return process


def _command(command, cwd, environment, outputs, file_bytes):
    """What a child does: what `python` would. Output goes to the end of files."""
    look_for_garbage_seldom()
    import short_validation  # noqa: F401  # here, since it imports TensorFlow

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
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    try:
        if command[0].endswith(".py"):
            runpy.run_path(command[0], run_name="__main__")
        else:
            runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()


def _stage(outputs, command):
    """`ada.systems.stages.run_command` of commands that run others."""
    process = _started(list(command), Path.cwd(), dict(os.environ), outputs)
    process.join()
    return process.exitcode
