"""Interrupted and resumed equals uninterrupted, bit for bit; and a broken run keeps what it had."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from ada.errors import UserError
from ada.models import WaveNet
from ada.runs import Run
from ada.training import Optimization, loop, train


def saved(run_dir):
    """Everything in the newest checkpoint, by name."""
    reader = tf.train.load_checkpoint(Run.open(str(run_dir)).checkpoint_path("latest"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in name
    }


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
    settings, markov_dataset, tmp_path, monkeypatch, killed_at, saved_at, save, jit_compile
):
    intervals = dataclasses.replace(settings.intervals, save=save)
    settings = dataclasses.replace(settings, intervals=intervals, jit_compile=jit_compile)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    train(settings, str(whole), markov_dataset)

    class Dying(loop.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.train_step

            def step_or_die(batch):
                if self.step == killed_at:
                    raise Killed
                return step(batch)

            self.train_step = step_or_die

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(loop, "Trainer", Dying)
        train(settings, str(resumed), markov_dataset)
    assert last_step(resumed) == saved_at
    train(settings, str(resumed), markov_dataset)

    expected, found = saved(whole), saved(resumed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    best = [name for name in expected if "best_score" in name]
    assert len(best) == 1
    assert np.isfinite(expected[best[0]])
    reported = [
        [(line["split"], line["step"]) for line in map(json.loads, path.read_text().splitlines())]
        for path in (whole / "metrics.jsonl", resumed / "metrics.jsonl")
    ]
    assert reported[0] == reported[1]


def test_ctrl_c_saves_the_step_it_stopped_at(settings, markov_dataset, tmp_path, monkeypatch):
    class Interrupted(loop.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.train_step

            def step_or_stop(batch):
                if self.step == 5:
                    raise KeyboardInterrupt
                return step(batch)

            self.train_step = step_or_stop

    seldom = dataclasses.replace(settings.intervals, save=100)
    settings = dataclasses.replace(settings, intervals=seldom)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(loop, "Trainer", Interrupted)
        train(settings, str(tmp_path / "run"), markov_dataset)
    assert last_step(tmp_path / "run") == 5
    train(settings, str(tmp_path / "run"), markov_dataset)
    train(settings, str(tmp_path / "whole"), markov_dataset)
    expected, found = saved(tmp_path / "whole"), saved(tmp_path / "run")
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


@pytest.mark.parametrize("damage", ["removed", "truncated"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    settings, markov_dataset, tmp_path, damage
):
    run_dir = str(tmp_path / "run")
    train(settings, run_dir, markov_dataset)
    expected = saved(run_dir)
    for path in (tmp_path / "run" / "checkpoints").glob("ckpt-8*"):
        if damage == "removed":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    train(settings, run_dir, markov_dataset)
    assert last_step(run_dir) == 8
    found = saved(run_dir)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


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
    class Breaking(loop.Trainer):
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
        patched.setattr(loop, "Trainer", Breaking)
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
