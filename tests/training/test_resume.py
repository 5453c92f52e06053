"""Interrupted and resumed equals uninterrupted, bit for bit; and a broken run keeps what it had."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest
from support import values_in

from ada.models import WaveNet
from ada.runs.run import Run
from ada.training import Optimization, launch, train, validation
from ada.utils.errors import StoppedError, UserError


def saved(run_dir):
    """Everything in the newest checkpoint, by name."""
    return values_in(Run.open(str(run_dir)).checkpoint_path("latest"))


def last_step(run_dir):
    return int(Run.open(str(run_dir)).checkpoint_path("latest").rsplit("-", 1)[1])


class Killed(Exception):  # noqa: N818
    pass


# Saved at every step; or where it validates, so that a best score must come along.
@pytest.mark.parametrize(
    ("killed_at", "saved_at", "save", "jit_compile"),
    [(1, 1, 1, False), (5, 5, 1, False), (5, 4, 4, False), (7, 4, 4, True)],
)
def test_resumed_equals_uninterrupted(
    settings,
    markov_dataset,
    whole_run,
    tmp_path,
    monkeypatch,
    killed_at,
    saved_at,
    save,
    jit_compile,
):
    intervals = dataclasses.replace(settings.intervals, save=save)
    settings = dataclasses.replace(settings, intervals=intervals, jit_compile=jit_compile)
    whole, resumed = whole_run, tmp_path / "resumed"
    if jit_compile:  # which rounds otherwise
        whole = tmp_path / "whole"
        train(settings, str(whole), markov_dataset)

    class Dying(launch.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.train_step

            def step_or_die(batch):
                if self.step == killed_at:
                    raise Killed
                return step(batch)

            self.train_step = step_or_die

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(launch, "Trainer", Dying)
        train(settings, str(resumed), markov_dataset)
    assert last_step(resumed) == saved_at
    train(settings, str(resumed), markov_dataset)
    check_same(whole, resumed)


def test_a_profile_is_written_and_changes_nothing(settings, markov_dataset, tmp_path, whole_run):
    """Eight steps: less than all of the warm-up, and the last five; then those that are resumed."""
    train(settings, str(tmp_path), markov_dataset, profile=True)
    check_same(whole_run, tmp_path)
    more = dataclasses.replace(settings, num_steps=10)
    train(more, str(tmp_path), markov_dataset, profile=True)
    assert last_step(tmp_path) == 10
    traces = list((tmp_path / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert len(traces) == 2
    for trace in traces:
        assert b"train_step" in trace.read_bytes()


def signalled(number, at, monkeypatch, where="step"):
    """Lets a signal come while a step is made, or while the model is validated after it."""

    class Signalled(launch.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.train_step

            def step_and_signal(batch):
                if self.step == at - 1 and where == "step":
                    os.kill(os.getpid(), number)
                return step(batch)

            self.train_step = step_and_signal

    class Validated(validation.SplitScorer):
        validations = 0

        def __call__(self, *args, **kwargs):
            Validated.validations += 1
            # It validates every four steps.
            if where == "validation" and 4 * Validated.validations == at:
                os.kill(os.getpid(), number)
            return super().__call__(*args, **kwargs)

    monkeypatch.setattr(launch, "Trainer", Signalled)
    monkeypatch.setattr(validation, "SplitScorer", Validated)


@pytest.mark.parametrize(
    ("number", "error", "at", "where"),
    [
        (signal.SIGTERM, StoppedError, 5, "step"),
        (signal.SIGINT, KeyboardInterrupt, 5, "step"),
        # Before step 2 there is no codebook; at step 4 it validates.
        (signal.SIGTERM, StoppedError, 1, "step"),
        (signal.SIGTERM, StoppedError, 4, "step"),
        (signal.SIGTERM, StoppedError, 4, "validation"),
        (signal.SIGTERM, StoppedError, 8, "validation"),
    ],
)
def test_a_signal_saves_the_step_and_the_same_command_goes_on(
    settings, markov_dataset, tmp_path, monkeypatch, whole_run, number, error, at, where
):
    seldom = dataclasses.replace(settings.intervals, save=100)
    seldom = dataclasses.replace(settings, intervals=seldom)
    handler = signal.getsignal(number)
    with monkeypatch.context() as patched, pytest.raises(error):
        signalled(number, at, patched, where)
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


def test_a_complete_run_is_left_alone(settings, markov_dataset, tmp_path):
    run_dir = str(tmp_path / "run")
    settings = dataclasses.replace(settings, num_steps=3)
    train(settings, run_dir, markov_dataset)
    before = saved(run_dir)
    train(settings, run_dir, markov_dataset)
    after = saved(run_dir)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_loss_that_is_not_finite_stops_and_leaves_a_good_checkpoint(
    settings, markov_dataset, tmp_path, monkeypatch
):
    class Breaking(launch.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.train_step

            def step_and_break(batch):
                if self.step == 4:
                    kernel = self.model.local_model.logits.kernel
                    kernel.assign(kernel * float("nan"))
                return step(batch)

            self.train_step = step_and_break

    run_dir = str(tmp_path / "run")
    with monkeypatch.context() as patched, pytest.raises(UserError, match="step 5: .*not finite"):
        patched.setattr(launch, "Trainer", Breaking)
        train(settings, run_dir, markov_dataset)
    values = saved(run_dir)
    assert all(np.all(np.isfinite(v)) for n, v in values.items() if "best_score" not in n)
    # And the run goes on from there.
    train(settings, run_dir, markov_dataset)
    assert last_step(run_dir) == settings.num_steps


def test_another_model_in_the_same_directory_is_refused(settings, markov_dataset, tmp_path):
    run_dir = str(tmp_path / "run")
    settings = dataclasses.replace(settings, num_steps=3, optimization=Optimization())
    train(settings, run_dir, markov_dataset)
    other = dataclasses.replace(
        settings, model=lambda: WaveNet(4, 1, 2, 2, 8, 8, ordinal_classes=False)
    )
    with pytest.raises(UserError, match="another model"):
        train(other, run_dir, markov_dataset)


def test_fine_tuning_starts_from_averaged_weights_with_a_new_optimizer(
    settings, markov_dataset, tmp_path
):
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    train(settings, first, markov_dataset)
    frozen = dataclasses.replace(
        settings, num_steps=1, optimization=Optimization(learning_rate=0.0)
    )
    train(frozen, second, markov_dataset, init_from=first)
    start, end = Run.open(first).load_model(), Run.open(second).load_model("latest")
    for expected, found in zip(start.trainable_weights, end.trainable_weights, strict=True):
        np.testing.assert_array_equal(expected.numpy(), found.numpy())
    assert float(end.quantizer.active) == 1.0
