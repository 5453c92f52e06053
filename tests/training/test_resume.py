"""Interrupted and resumed equals uninterrupted, bit for bit; and a broken run keeps what it had."""

import dataclasses
import json
import os
import shutil
import signal
from unittest import mock

import numpy as np
import pytest
from support import before_each_step, values_in

from ada.models import WaveNet
from ada.runs.run import Run
from ada.training import Optimization, loop, train
from ada.utils.errors import StoppedError, UserError


def saved(run_dir):
    """Everything in the newest checkpoint, by name."""
    return values_in(Run.open(str(run_dir)).checkpoint_path("latest"))


def last_step(run_dir):
    return int(Run.open(str(run_dir)).checkpoint_path("latest").rsplit("-", 1)[1])


class Killed(Exception):  # noqa: N818
    pass


def kill(settings, run_dir, data_dir, at, saved_at, **kwargs):
    """Trains until a step and dies there; returns what goes on from what was saved."""

    def die(trainer):
        if trainer.step == at:
            raise Killed

    with before_each_step(die), pytest.raises(Killed):
        train(settings, str(run_dir), data_dir, **kwargs)
    assert last_step(run_dir) == saved_at
    return lambda: train(settings, str(run_dir), data_dir, **kwargs)


# Saved at every step; or where it validates, so that a best score must come along.
@pytest.mark.parametrize(("killed_at", "saved_at", "save"), [(1, 1, 1), (5, 5, 1), (5, 4, 4)])
@pytest.mark.usefixtures("trainers_once")
def test_resumed_equals_uninterrupted(
    settings, markov_dataset, whole_run, tmp_path, killed_at, saved_at, save
):
    intervals = dataclasses.replace(settings.intervals, save=save)
    settings = dataclasses.replace(settings, intervals=intervals)
    kill(settings, tmp_path, markov_dataset, killed_at, saved_at)()
    check_same(whole_run, tmp_path)


def test_resumed_by_a_new_trainer_equals_uninterrupted(
    settings, markov_dataset, whole_run, tmp_path, trainers
):
    """As in a new process: it is made, traced and compiled again."""
    with trainers():
        resume = kill(settings, tmp_path, markov_dataset, 5, 5)
    resume()
    check_same(whole_run, tmp_path)


@pytest.mark.usefixtures("trainers_once")
def test_resumed_equals_uninterrupted_with_xla(settings, markov_dataset, tmp_path):
    """Which rounds otherwise than `whole_run`."""
    intervals = dataclasses.replace(settings.intervals, save=4)
    settings = dataclasses.replace(settings, intervals=intervals, jit_compile=True)
    train(settings, str(tmp_path / "whole"), markov_dataset)
    kill(settings, tmp_path / "run", markov_dataset, 7, 4)()
    check_same(tmp_path / "whole", tmp_path / "run")


@pytest.mark.usefixtures("trainers_once")
def test_a_profile_is_written_and_changes_nothing(settings, markov_dataset, tmp_path, whole_run):
    """Eight steps: less than all of the warm-up, and the last five; killed among these."""
    kill(settings, tmp_path, markov_dataset, 6, 6, profile=True)()
    check_same(whole_run, tmp_path)
    traces = list((tmp_path / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert len(traces) == 2
    for trace in traces:
        assert b"train_step" in trace.read_bytes()


def signal_at(step, where, number):
    """Lets a signal come while a step is made, or while the model is validated after it."""
    if where == "step":
        return before_each_step(
            lambda trainer: trainer.step == step - 1 and os.kill(os.getpid(), number)
        )
    validate = loop.Loop._validate

    def signalled(self, at):
        if at == step:
            os.kill(os.getpid(), number)
        validate(self, at)

    return mock.patch.object(loop.Loop, "_validate", signalled)


@pytest.mark.parametrize(
    ("number", "error", "at", "where"),
    [
        (signal.SIGTERM, StoppedError, 5, "step"),
        (signal.SIGINT, KeyboardInterrupt, 5, "step"),
        # Before step 2 there is no codebook; at step 4 it validates.
        (signal.SIGTERM, StoppedError, 1, "step"),
        (signal.SIGTERM, StoppedError, 4, "validation"),
        (signal.SIGTERM, StoppedError, 8, "validation"),
    ],
)
@pytest.mark.usefixtures("trainers_once")
def test_a_signal_saves_the_step_and_the_same_command_goes_on(
    settings, markov_dataset, tmp_path, whole_run, number, error, at, where
):
    seldom = dataclasses.replace(settings.intervals, save=100)
    seldom = dataclasses.replace(settings, intervals=seldom)
    handler = signal.getsignal(number)
    with signal_at(at, where, number), pytest.raises(error):
        train(seldom, str(tmp_path), markov_dataset)
    assert signal.getsignal(number) == handler
    assert last_step(tmp_path) == at
    train(seldom, str(tmp_path), markov_dataset)
    check_same(whole_run, tmp_path)


def check_same(expected_run, found_run):
    """That two runs ended alike, bit for bit, and have reported the same."""
    expected, found = saved(expected_run), saved(found_run)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    [last_used] = [value for name, value in expected.items() if "last_used" in name]
    assert last_used.max() == 8
    [best] = [name for name in expected if "best_score" in name]
    assert np.isfinite(expected[best])
    assert reported(expected_run) == reported(found_run)


def reported(run_dir):
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    return [(line["split"], line["step"]) for line in lines]


def test_a_complete_run_is_left_alone(settings, markov_dataset, whole_run, tmp_path):
    run_dir = shutil.copytree(whole_run, tmp_path / "run")
    before = saved(run_dir)
    train(settings, str(run_dir), markov_dataset)
    after = saved(run_dir)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("trainers_once")
def test_a_loss_that_is_not_finite_stops_and_leaves_a_good_checkpoint(
    settings, markov_dataset, tmp_path
):
    def break_weights(trainer):
        if trainer.step == 4:
            kernel = trainer.model.local_model.logits.kernel
            kernel.assign(kernel * float("nan"))

    run_dir = str(tmp_path / "run")
    with (
        before_each_step(break_weights),
        pytest.raises(UserError, match="step 5: .*not finite"),
    ):
        train(settings, run_dir, markov_dataset)
    values = saved(run_dir)
    assert all(np.all(np.isfinite(v)) for n, v in values.items() if "best_score" not in n)
    # And the run goes on from there.
    train(settings, run_dir, markov_dataset)
    assert last_step(run_dir) == settings.num_steps


def test_another_model_in_the_same_directory_is_refused(
    settings, markov_dataset, whole_run, tmp_path
):
    run_dir = shutil.copytree(whole_run, tmp_path / "run")
    other = dataclasses.replace(
        settings, model=lambda: WaveNet(4, 1, 2, 2, 8, 8, ordinal_classes=False)
    )
    with pytest.raises(UserError, match="another model"):
        train(other, str(run_dir), markov_dataset)


def test_fine_tuning_starts_from_averaged_weights_with_a_new_optimizer(
    settings, markov_dataset, whole_run, tmp_path, eagerly
):
    frozen = dataclasses.replace(
        settings, num_steps=1, optimization=Optimization(learning_rate=0.0)
    )
    train(frozen, str(tmp_path), markov_dataset, init_from=str(whole_run))
    start, end = Run.open(str(whole_run)).load_model(), Run.open(str(tmp_path)).load_model("latest")
    for expected, found in zip(start.trainable_weights, end.trainable_weights, strict=True):
        np.testing.assert_array_equal(expected.numpy(), found.numpy())
    assert float(end.quantizer.active) == 1.0
