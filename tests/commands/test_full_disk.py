"""A full disk: one clear line, nothing lost, and the same command resumes once there is room."""

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from recordings import named
from support import MICRO, TrainersOnce, run, write_codes

from ada.cli.commands import _is_of_the_system, _message_of
from ada.data import SPLITS, Dataset
from ada.generation import SamplingConfig, modes
from ada.generation.recording import record
from ada.models import WaveNet
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs.chain import Chain
from ada.runs.checkpoint_files import existing_checkpoints, has_index
from ada.runs.run import Run
from ada.training import Intervals, TrainingSettings, train

HINT = "Make room and give the same command again: what was finished is kept."


@pytest.fixture
def disk(tmp_path):
    """A directory, and a function that sets the size of its disk in kB."""
    directory = tmp_path / "disk"
    directory.mkdir()

    def sized(kilobytes, again=True):
        options = f"{'remount,' if again else ''}size={kilobytes}k"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        return subprocess.run(command, capture_output=True, check=again).returncode == 0

    if not shutil.which("mount") or not sized(8, again=False):
        pytest.skip("mounting takes an administrator")
    yield directory, sized
    subprocess.run(["umount", "-l", str(directory)], check=True)


def is_full(attempt):
    """That it fails for want of room, and is message so."""
    with pytest.raises((OSError, tf.errors.OpError)) as error:
        attempt()
    assert _is_of_the_system(error.value)
    message = _message_of(error.value)
    assert HINT in message and "\n" not in message and "{{" not in message and "[Op:" not in message


def one_by_one(jobs):
    for job in jobs:
        job.run()


@pytest.fixture(scope="module")
def audio(music):
    return AudioOptions(inputs=(str(music),), record_steps=7000)


def files_of(directory):
    found = {p.name: p.read_bytes() for p in Path(directory).iterdir() if p.name[0] != "."}
    del found["dataset.json"]  # it says how long it took
    return found


def test_preparation_at_every_write(audio, tmp_path, monkeypatch):
    """A file system that is full is full for every file: all writes fail from one on."""
    prepare(str(tmp_path / "whole"), audio, run_jobs=one_by_one)
    whole = files_of(tmp_path / "whole")
    for moment in itertools.count():
        out, writes = tmp_path / f"full{moment}", itertools.count()

        def failing(function, writes=writes, moment=moment):
            def call(*args):
                if next(writes) >= moment:
                    raise tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")
                return function(*args)

            return call

        with monkeypatch.context() as patch:
            for owner in (tf.io.gfile.GFile, tf.io.TFRecordWriter):
                patch.setattr(owner, "write", failing(owner.write))
            try:
                prepare(str(out), audio, run_jobs=one_by_one)
                break
            except tf.errors.ResourceExhaustedError:
                pass
        assert not Dataset.is_complete(out)
        finished = sorted(out.glob(".parts/*.json"))
        assert not list(out.rglob("*.tmp"))
        before = [path.stat().st_mtime_ns for path in finished]
        missing = []

        def rest(jobs, missing=missing, finished=finished, before=before):
            assert [path.stat().st_mtime_ns for path in finished] == before
            missing.extend(jobs)
            one_by_one(jobs)

        prepare(str(out), audio, run_jobs=rest)
        assert len(missing) == 3 - len(finished)
        assert files_of(out) == whole
    assert moment > 15


@pytest.mark.parametrize("kilobytes", [8, 100, 250, 400])
def test_preparation_on_a_small_disk(audio, disk, tmp_path, kilobytes):
    directory, sized = disk
    sized(kilobytes)
    is_full(lambda: prepare(str(directory / "out"), audio))
    assert not Dataset.is_complete(directory / "out")
    assert not list(directory.rglob("*.tmp"))
    sized(4000)
    prepare(str(directory / "out"), audio)
    prepare(str(tmp_path / "whole"), audio)
    assert files_of(directory / "out") == files_of(tmp_path / "whole")


SETTINGS = TrainingSettings(
    model=lambda: WaveNet(4, 1, 2, 2, 8, 8, ordinal_classes=False),
    num_steps=6,
    batch_size=2,
    crop_steps=64,
    kind="codes",
    intervals=Intervals(log=1, validate=3, save=1),
    jit_compile=False,
)


@pytest.fixture(scope="module")
def trainers():
    """Trains with one trainer."""
    return TrainersOnce()


@pytest.fixture(scope="module")
def trained(trainers, tmp_path_factory):
    """Data and a run on it, whose disk was never full."""
    root = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    write_codes(root / "data", {s: [rng.integers(0, 4, 500)] for s in SPLITS}, 4)
    with trainers():
        train(SETTINGS, str(root / "run"), str(root / "data"))
    return root


def values(run_dir):
    reader = tf.train.load_checkpoint(existing_checkpoints(str(run_dir / "checkpoints"))[0])
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    return {n: reader.get_tensor(n) for n in names if "save_counter" not in n}


@pytest.fixture
def trainers_once(trainers):
    with trainers():
        yield


@pytest.mark.usefixtures("trainers_once")
def test_training(trained, disk):
    """The disk grows a little at a time; whatever was saved before can be used all along."""
    directory, sized = disk
    run_dir = directory / "run"
    steps = []
    for kilobytes in (8, 40, 130, 170, 250):
        sized(kilobytes)
        is_full(lambda: train(SETTINGS, str(run_dir), str(trained / "data")))
        there = list(filter(has_index, existing_checkpoints(str(run_dir / "checkpoints"))))
        if there:
            Run.open(str(run_dir)).load_model("latest")
        steps.append(len(there))
    assert min(steps) == 0 < max(steps)
    sized(4000)
    train(SETTINGS, str(run_dir), str(trained / "data"))
    expected, found = values(trained / "run"), values(run_dir)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


@pytest.mark.usefixtures("trainers_once")
def test_training_on_a_disk_that_is_only_read(trained, disk):
    directory, sized = disk
    sized(4000)
    shutil.copytree(trained / "run", directory / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(directory)], check=True)
    for name in ("run", "new"):
        with pytest.raises(OSError) as error:
            train(SETTINGS, str(directory / name), str(trained / "data"))
        assert "Read-only file system. Name another directory" in _message_of(error.value)
    Run.open(str(directory / "run")).load_model()


def generate(chain, directory):
    request = modes.ancestral(chain, range(3), 2.0)
    with record(directory, request, named({"seed": 3}, request)) as recording:
        if recording is None:
            return 0
        drawing = request.stream(
            [SamplingConfig(3)], prefixes=recording.prefixes, batch_size=2, backend="graph"
        )
        for block in drawing:
            recording.take(block)
        recording.finish({})
        return drawing.num_generated


def test_generation(chain_dirs, disk, tmp_path):
    directory, sized = disk
    chain = Chain.open(chain_dirs[1])
    total = generate(chain, tmp_path / "whole")
    for kilobytes in (8, 16, 24, 32, 40):
        sized(kilobytes)
        is_full(lambda: generate(chain, directory / "out"))
    sized(4000)
    assert generate(chain, directory / "out") < total  # what was drawn is not drawn again
    for path in (tmp_path / "whole").glob("*.wav"):
        assert (directory / "out" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("command", ["prepare", "train"])
def test_commands_end_in_one_line_and_go_on(command, music, trained, tmp_path):
    out = tmp_path / "out"
    module, args, num_bytes = {
        "prepare": (
            "data_prep.prepare_audio",
            [f"--input_audio_filepatterns={music}", f"--output_dir={out}", "--runner=in_process"],
            50_000,
        ),
        "train": (
            "ada.train",
            ["--gin_file=gin/prior_hop64.gin", *MICRO, "--gin_param=NUM_CODES=4"]
            + [f"--data_dir={trained / 'data'}", f"--run_dir={out}"],
            20_000,
        ),
    }[command]
    # `File too large` is a full disk, too.
    process = run(module, *args, file_bytes=num_bytes)
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    [line] = [line for line in process.stderr.splitlines() if line.startswith("Error: ")]
    assert "File too large" in line and line.endswith(HINT)
    process = run(module, *args)
    assert process.returncode == 0, process.stderr
