"""What several tests use: running commands, datasets of codes, run directories without training."""

import contextlib
import dataclasses
import io
import json
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import forked
import numpy as np
import pytest
import short_validation  # noqa: F401
import tensorflow as tf
from absl import flags
from forked import ROOT

from ada.data import SPLITS, DatasetSpec
from ada.data.spec import FileSpec, SourceSpec, SplitSpec
from ada.generation import Level, chain, native
from ada.models import PolyakAverage
from ada.preparation.assembly import assemble, pieces_of_part, whole_source
from ada.preparation.parts import part_path, write_part
from ada.runs.info import RunInfo
from ada.runs.run import Run
from ada.training import Intervals, launch, validation

# What may compute the sampling loop; that the kernel is there, test_native.py sees to.
SAMPLERS = [
    pytest.param("native", marks=pytest.mark.skipif(not native.AVAILABLE, reason="no kernel")),
    "xla",
    "graph",
]

# On top of tiny.gin: a few seconds a command.
MICRO = [
    "--gin_file=gin/tiny.gin",
    "--gin_param=NUM_STEPS=6",
    "--gin_param=LEVEL2_STEPS=6",
    "--gin_param=PRIOR_STEPS=6",
    "--gin_param=PRIOR_CROP_STEPS=64",
    "--gin_param=CODEBOOK_WARMUP_STEPS=2",
    "--gin_param=RESIDUAL_CHANNELS=8",
    "--gin_param=SKIP_CHANNELS=8",
    "--gin_param=LAYERS_PER_STACK=2",
    "--gin_param=LOCAL_LAYERS=2",
    "--gin_param=CODER_CHANNELS=8",
    "--gin_param=CODER_DILATIONS=(1,)",
    "--gin_param=BATCH_SIZE=2",
    "--gin_param=CROP_STEPS=512",
    "--gin_param=LR_WARMUP_STEPS=2",
    "--gin_param=LOG_EVERY=2",
    "--gin_param=train.jit_compile=False",
    "--gin_param=Intervals.audio_secs=0.05",
]


def free_ports(count):
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def free_addresses(count):
    """Such ports with this machine's name in front, as workers find each other."""
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def tf_config(addresses, number):
    """TF_CONFIG of one of several workers."""
    task = {"type": "worker", "index": number}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def start(module, *args, **kwargs):
    """Starts a module or a file in a process forked from one that has imported TensorFlow."""
    return forked.Running([str(module), *map(str, args)], **kwargs)


def run(module, *args, cwd=ROOT, env=None, python=None, timeout=600, file_bytes=None):
    """Runs `python -m module args`; returns the finished process, its output as text.

    The process is forked from one that has imported TensorFlow, unless `env` or `python` is given.
    With `file_bytes` it may write no longer file.
    """
    if env is None and python is None:
        return forked.run([module, *map(str, args)], cwd, timeout, file_bytes=file_bytes)
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [python or sys.executable, "-m", module, *map(str, args)],
        cwd=cwd,
        env=environment | (env or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run_here(module, *args, cwd=ROOT):
    """The same without a process of its own, as a notebook's `%run -m` does it: much cheaper."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    command, before, known = [module, *map(str, args)], Path.cwd(), set(flags.FLAGS)
    os.chdir(cwd)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", command)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as done:
        code = done.code
    finally:
        os.chdir(before)
    assert set(flags.FLAGS) == known, f"{module} leaves flags behind"
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def refuses(module, *args, code=1, said="", after_others=False, cwd=ROOT):
    """That a command ends with one line, in which a text is, and prints no other; returns it.

    With `after_others` it may have printed more before, but no other error.
    """
    process = run_here(module, *args, cwd=cwd)
    assert process.returncode == code, process.stderr
    *others, line = process.stderr.strip().splitlines()
    begins = ("Error: ", "Wrong usage: ")
    assert line.startswith(begins) and said in line, process.stderr
    assert after_others or not others, process.stderr
    assert not any(other.startswith((*begins, "Traceback")) for other in others), process.stderr
    return line


class TrainersOnce:
    """Within the context, trainings with equal settings are traced and compiled once.

    They share one trainer, which begins each of them with the values of a new one.
    """

    def __init__(self):
        self._trainers, self._scorers = {}, {}

    @contextlib.contextmanager
    def __call__(self):
        make = launch.make_trainer

        def trainer_once(settings, strategy=None):
            key = dataclasses.replace(settings, intervals=Intervals())
            if key not in self._trainers:
                trainer = make(settings, strategy)
                self._trainers[key] = trainer, [v.numpy() for v in trainer.variables]
            trainer, values = self._trainers[key]
            for variable, value in zip(trainer.variables, values, strict=True):
                variable.assign(value)
            return trainer

        def scorer_once(make, *names):
            def scorer(model, dataset, to_ids, **options):
                key = make, id(model), dataset.directory, *(options[name] for name in names)
                if key not in self._scorers:
                    self._scorers[key] = make(model, dataset, to_ids, **options)
                return self._scorers[key]

            return scorer

        scorer = scorer_once(validation.SplitScorer, "batch_steps", "max_steps")
        rolled = scorer_once(validation.RolledCodes, "counted_steps", "num_clips", "jit_compile")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launch, "make_trainer", trainer_once)
            patch.setattr(validation, "SplitScorer", scorer)
            patch.setattr(validation, "RolledCodes", rolled)
            yield


@contextlib.contextmanager
def before_each_step(act):
    """Within the context, trainings call `act(trainer)` before each of their steps."""
    make = launch.make_trainer
    with pytest.MonkeyPatch.context() as patch:

        def acting(*args):
            trainer = make(*args)
            step = trainer.train_step

            def act_and_step(batch):
                act(trainer)
                return step(batch)

            patch.setattr(trainer, "train_step", act_and_step)
            return trainer

        patch.setattr(launch, "make_trainer", acting)
        yield


class LevelsOnce:
    """Within the context, chains load and compile every level once."""

    def __init__(self):
        self._models, self._levels = {}, {}

    @contextlib.contextmanager
    def __call__(self):
        load = Run.load_model

        def load_once(run, checkpoint):
            key = run.directory, checkpoint
            return self._models.get(key) or self._models.setdefault(key, load(run, checkpoint))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "load_model", load_once)
            patch.setattr(chain, "Level", self.level)
            yield

    def level(self, model, config, **options):
        """A `Level`, compiled once for each model, top-k, top-p and options."""
        key = id(model), config.top_k, config.top_p, *options.values()
        if key not in self._levels:
            self._levels[key] = Level(model, config, **options)
        self._levels[key].config = config
        return self._levels[key]


def write_codes(directory, splits, num_classes, hop_length=64, upstream=None, sample_rate=16000):
    """A codes dataset from {split: [int arrays]}; of no run unless `upstream` names one."""
    pieces = []
    for split, arrays in splits.items():
        for i, array in enumerate(arrays):
            name = f"{split}{i}"
            path = part_path(str(directory), name)
            written = write_part(path, name, [(0, array)], record_steps=2048, dtype="uint8")
            pieces += pieces_of_part(split, path, written, [whole_source(w) for w in written])
    assemble(
        str(directory),
        pieces,
        kind="codes",
        sample_rate=sample_rate,
        hop_length=hop_length,
        num_classes=num_classes,
        dtype="uint8",
        record_steps=2048,
        split_method="given",
        upstream=upstream or {"digest": "made-up"},
    )
    return str(directory)


def write_random_codes(directory):
    """Such a dataset to search on: codes of hop 8, enough for a few small crops."""
    rng = np.random.default_rng(0)
    lengths = {"train": 20000, "validation": 3000, "test": 3000}
    splits = {split: [rng.integers(0, 256, length)] for split, length in lengths.items()}
    return write_codes(directory, splits, 256, hop_length=8)


def write_run(directory, model, sample_rate, below=None):
    """A run directory of a built model as it is; returns its path.

    `below` is the run directory whose codes it models; None for audio, of as many classes as the
    model has.
    """
    lower = Run.open(below) if below else None
    hop = lower.info.hop_length * lower.build_model().hop_length if lower else 1
    upstream = lower.identity() if lower else {}
    source = SourceSpec("made-up", 1, "made-up")
    spec = DatasetSpec(
        kind="codes" if lower else "audio",
        sample_rate=sample_rate,
        hop_length=hop,
        num_classes=model.num_classes if lower else None,
        dtype="uint8" if lower else "int16",
        record_steps=2048,
        splits={s: SplitSpec(1, 1, 1, 0.0, (FileSpec("made-up", 1),), (source,)) for s in SPLITS},
        index=FileSpec("made-up", 1, "0"),
        split_method="made-up",
        upstream=upstream,
    )
    info = RunInfo(
        kind=spec.kind,
        sample_rate=sample_rate,
        hop_length=hop,
        num_classes=model.num_classes,
        companding=None if lower else "mu_law",
        data_dir="nowhere",
        data_dir_from_run="nowhere",
        upstream=upstream,
    )
    Run.create(str(directory), info, spec, model, "")
    checkpoint = tf.train.Checkpoint(model=model, polyak=PolyakAverage(model))
    tf.train.CheckpointManager(checkpoint, str(directory / "checkpoints"), 1).save()
    return str(directory)


def files_of(directory):
    """The bytes of all files below a directory, by their paths in it."""
    root = Path(directory)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def values_in(checkpoint):
    """All values in a checkpoint, by name."""
    reader = tf.train.load_checkpoint(checkpoint)
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in name
    }
