"""Commands killed again and again at random moments end as if nothing had happened.

Each is started, killed with SIGKILL at a moment drawn evenly from the time that it takes, and
started again on what it left. Whenever it comes to its end, what it made must equal what an
undisturbed run made, and it begins with nothing again. `ADA_STORM_KILLS` sets how many kills
each command takes: 50 for the numbers in `tests/storms/README.md`.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
import tensorflow as tf
from support import MICRO, ROOT, start, write_codes, write_random_codes, write_run

from ada.audio import read_audio, write_wav
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.quantizers import VectorQuantizer
from ada.runs.checkpoint_files import existing_checkpoints

KILLS = int(os.environ.get("ADA_STORM_KILLS", "8"))
SEED = int(os.environ.get("ADA_TEST_SEED", "0"))
pytestmark = pytest.mark.long


@pytest.fixture(autouse=True, scope="module")
def _warm():
    """The process that all others are forked from imports TensorFlow."""
    finish(["ada.describe", "--help"])


class Group:
    """A command whose own processes die with it, as on a machine that is switched off."""

    def __init__(self, *command):
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed at the end
        streams = {"stdout": self._output, "stderr": self._output}
        command = [sys.executable, "-m", *command]
        self._process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **streams)
        self.poll, self.wait = self._process.poll, self._process.wait

    def kill(self):
        """Sends SIGKILL to all of them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def said(self):
        """Nothing, and the text on stdout and stderr."""
        self._output.seek(0)
        return "", self._output.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.wait()
        self._output.close()


def storm(command, target, made, start=start):
    """Kills a command until it was killed often enough; returns how often it came to its end.

    Args:
      command: a function from a directory to the arguments that fill it.
      target: a directory that is not there yet.
      made: a function from that directory to what is compared.
      start: starts a command.
    """
    whole = target.with_name("whole")
    begun = time.monotonic()
    finish(command(whole), start)
    secs = time.monotonic() - begun
    expected = made(whole)
    rng = np.random.default_rng(SEED)
    killed = completed = 0
    while killed < KILLS:
        with start(*command(target)) as process:
            deadline = time.monotonic() + rng.uniform(0.0, secs)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            if process.poll() is None:
                process.kill()
                process.wait()
                killed += 1
                continue
            assert process.poll() == 0, process.said()[1]
        assert_equal(made(target), expected)
        shutil.rmtree(target)
        completed += 1
    finish(command(target), start)
    assert_equal(made(target), expected)
    print(
        f"{command(target)[0]}: {killed} kills, {completed + 1} times at the end, {secs:.1f} s each"
    )


def finish(command, start=start):
    with start(*command) as process:
        assert process.wait(timeout=600) == 0, process.said()[1]


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def files(directory, *patterns):
    """The contents of all files of a directory that match one of some patterns."""
    paths = [path for pattern in patterns for path in directory.glob(pattern) if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def test_preparing(music, tmp_path):
    for copy in range(20):
        for number, path in enumerate(sorted(music.iterdir())):
            samples = np.roll(read_audio(str(path), 16000), 100 * copy)
            write_wav(tmp_path / "music" / f"{copy}-{number}.wav", samples, 16000)

    def command(out):
        inputs = f"--input_audio_filepatterns={tmp_path}/music/*"
        return ["ada.prepare_audio", inputs, f"--output_dir={out}", "--record_steps=4000"]

    def made(out):
        spec = json.loads((out / "dataset.json").read_text())
        del spec["preparation"]  # what it took
        return files(out, "**/*") | {"dataset.json": json.dumps(spec)}

    storm(command, tmp_path / "killed", made)


def test_training(tmp_path):
    rng = np.random.default_rng(0)
    splits = {s: [rng.integers(0, 4, 3000)] for s in ("train", "validation", "test")}
    codes = write_codes(tmp_path / "codes", splits, 4)

    def command(out):
        sizes = ["NUM_CODES=4", "PRIOR_STEPS=200", "SAVE_EVERY=3", "PRIOR_VALIDATE_EVERY=20"]
        sizes = [f"--gin_param={size}" for size in sizes]
        paths = [f"--data_dir={codes}", f"--run_dir={out}"]
        return ["ada.train", "--gin_file=gin/prior_hop64.gin", *MICRO, *sizes, *paths]

    def made(out):
        return checkpoint(out / "checkpoints") | checkpoint(out / "checkpoints" / "best")

    storm(command, tmp_path / "killed", made)


def checkpoint(directory):
    """The variables of the newest checkpoint of a directory by name."""
    newest = existing_checkpoints(str(directory))[0]
    reader = tf.train.load_checkpoint(newest)
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    step = newest.rsplit("-", 1)[1]
    return {f"{step}:{n}": reader.get_tensor(n) for n in names if "save_counter" not in n}


def test_sampling(chain_dirs, tmp_path):
    def command(out):
        sizes = ["--duration_secs=60", "--num_samples=3", "--seed=3", "--temperature=1,0.9,0.8"]
        return [
            "ada.sample",
            f"--run_dirs={','.join(chain_dirs[3])}",
            *sizes,
            f"--output_dir={out}",
        ]

    storm(command, tmp_path / "killed", lambda out: files(out, "*.wav"))


def test_evaluating(make_wavenet, make_autoencoder, tmp_path):
    level1 = write_run(tmp_path / "level1", make_autoencoder(quantizer=VectorQuantizer(7, 3)), 1000)
    prior = write_run(tmp_path / "prior", make_wavenet(seed=1), 1000, level1)
    rng = np.random.default_rng(0)
    for number in range(3):
        write_wav(tmp_path / "music" / f"{number}.wav", rng.uniform(-0.5, 0.5, 10000), 1000)
    prepare(str(tmp_path / "data"), AudioOptions((str(tmp_path / "music"),), sample_rate=1000))

    def command(out):
        flags = [f"--run_dirs={prior},{level1}", f"--data_dir={tmp_path / 'data'}"]
        return ["ada.evaluate", *flags, f"--output_dir={out}", "--num_samples=2"]

    def made(out):
        systems = json.loads((out / "evaluation.json").read_text())["systems"]
        numbers = {
            f"{s}/{n}": [file["bits_per_step"] for file in level["files"]]
            for s, system in enumerate(systems)
            for n, level in enumerate(system["levels"])
        }
        return files(out, "**/*.wav") | numbers

    storm(command, tmp_path / "killed", made)


def test_searching(tmp_path):
    """Population-based training with Ray's processes: some 20 s to start each time."""
    pytest.importorskip("ray")
    codes = write_random_codes(tmp_path / "codes")

    def command(out):
        sizes = ["LEVEL2_STEPS=12", "CODEBOOK_WARMUP_STEPS=0", "NUM_CODES=8", "SEARCH_INTERVAL=2"]
        sizes += ["Search.least_perplexity=1.0", "Search.least_code_cost=None"]
        sizes = [f"--gin_param={size}" for size in sizes]
        paths = [f"--data_dir={codes}", f"--run_dir={out}"]
        return ["ada.pbt", "--gin_file=gin/level2_vqvae.gin", *MICRO, *sizes, *paths]

    def made(out):
        weights = checkpoint(out / "checkpoints" / "best")
        return weights | {"history": (out / "search" / "population.json").read_text()}

    storm(command, tmp_path / "killed", made, Group)
