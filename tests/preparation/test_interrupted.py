"""Killed at any moment and run again, a preparation ends as if nothing had happened."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from ada.data import Dataset
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare

ROOT = Path(__file__).resolve().parents[2]


def one_by_one(jobs):
    for job in jobs:
        job.run()


def kill_at(moment, monkeypatch):
    """Every write, rename and removal is a moment; this process dies at the given one."""
    moments = itertools.count()

    def counted(function):
        def call(*args, **kwargs):
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    for owner, name in (
        (tf.io.gfile, "rename"),
        (tf.io.gfile, "remove"),
        (tf.io.gfile, "rmtree"),
        (tf.io.gfile.GFile, "write"),
        (tf.io.TFRecordWriter, "write"),
        (Path, "write_bytes"),
        (Path, "replace"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def test_killed_at_every_moment(tmp_path, write_audio, files_of, monkeypatch, capsys):
    for i in range(3):
        write_audio(tmp_path / f"in/{i}.wav", 1, seed=i)
    write_audio(tmp_path / "in/short.wav", 0.5)
    options = AudioOptions(inputs=(str(tmp_path / "in"),), record_steps=7000)
    prepare(str(tmp_path / "whole"), options, run_jobs=one_by_one)
    whole = files_of(tmp_path / "whole")
    looked_complete = []
    for moment in itertools.count():
        out = tmp_path / f"killed{moment}"
        child = os.fork()
        if not child:
            with pytest.MonkeyPatch.context() as patch:
                kill_at(moment, patch)
                prepare(str(out), options, run_jobs=one_by_one)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        if Dataset.is_complete(out):
            # Only what is complete may look it: all but the parts, now useless, are in place.
            found = files_of(out)
            assert {n: f for n, f in found.items() if not n.startswith(".parts")} == whole
        looked_complete.append(Dataset.is_complete(out))
        prepare(str(out), options, run_jobs=one_by_one)
        assert files_of(out) == whole
    assert moment > 25
    # Complete at the very end and never before.
    assert looked_complete == sorted(looked_complete)
    assert sum(looked_complete) <= 1


def test_killed_while_overwriting(tmp_path, write_audio, files_of):
    for i in range(3):
        write_audio(tmp_path / f"in/{i}.wav", 1, seed=i)
    options = AudioOptions(inputs=(str(tmp_path / "in"),), record_steps=7000)
    other = AudioOptions(inputs=(str(tmp_path / "in"),), record_steps=7000, sample_rate=8000)
    prepare(str(tmp_path / "whole"), options)
    for moment in (1, 9, 14, 18):
        out = tmp_path / f"killed{moment}"
        prepare(str(out), other)
        child = os.fork()
        if not child:
            with pytest.MonkeyPatch.context() as patch:
                kill_at(moment, patch)
                prepare(str(out), options, overwrite=True, run_jobs=one_by_one)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        assert not Dataset.is_complete(out)
        prepare(str(out), options)
        assert files_of(out) == files_of(tmp_path / "whole")


def test_killed_command(tmp_path, write_audio, files_of):
    """The real thing: a command of its own process, stopped in the middle of its files."""
    for i in range(16):
        write_audio(tmp_path / f"in/{i:02d}.wav", 30, rate=44100, seed=i)
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "data_prep.prepare_audio", f"--output_dir={out}"),
        *(f"--input_audio_filepatterns={tmp_path}/in/*", "--runner=in_process"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=-3, stderr=-3) as process:
        while len(list(out.glob(".parts/*.json"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    done = len(list(out.glob(".parts/*.json")))
    assert done < 16 and not Dataset.is_complete(out)
    missing = []

    def watched(jobs):
        missing.extend(jobs)
        one_by_one(jobs)

    options = AudioOptions(inputs=(f"{tmp_path}/in/*",))
    prepare(str(out), options, run_jobs=watched)
    assert len(missing) == 16 - done
    prepare(str(tmp_path / "whole"), options)
    assert files_of(out) == files_of(tmp_path / "whole")
