"""Checkpoints that are not whole are never gone on from; nothing that they held is lost."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from support import files_of, values_in

from ada.runs import checkpoint_files
from ada.runs.checkpoint_files import all_checkpoints, existing_checkpoints, step_of
from ada.runs.run import Run
from ada.training import launch, train
from ada.training.checkpoints import Checkpoints
from ada.utils.errors import UserError

STATES = {
    # What a process leaves that is killed while it saves step 8, in the order of what it does.
    "data in part": {"drop": ["ckpt-8.data", "ckpt-8.index"], "part": "ckpt-8.data.tempstate"},
    "data without index": {"drop": ["ckpt-8.index"]},
    "index in part": {"drop": ["ckpt-8.index"], "part": "ckpt-8.index.tempstate"},
    "not listed yet": {"list": "before"},
    "list in part": {"list": "before", "part": "checkpoint.tmp"},
    # What a failing disk or a power cut leaves.
    "data cut": {"cut": "ckpt-8.data"},
    "index cut": {"cut": "ckpt-8.index"},
    "data garbled": {"garble": "ckpt-8.data"},
    "index garbled": {"garble": "ckpt-8.index"},
    "list empty": {"list": b""},
    "list of zeros": {"list": bytes(100)},
    "list garbled": {"list": b"model_checkpoint_path: ckpt"},
    "no list": {"list": None},
}


@pytest.fixture(scope="module")
def trainer(settings):
    return launch.make_trainer(settings)


@pytest.mark.parametrize("name", STATES)
def test_a_checkpoint_that_is_not_whole_is_never_gone_on_from(trainer, tmp_path, whole_run, name):
    """Killed at any moment of saving, and damaged afterwards: the newest whole one is taken."""
    state = STATES[name]
    folder = tmp_path / "checkpoints"
    shutil.copytree(whole_run / "checkpoints", folder)
    # The best is of before: it would be gone on from as well.
    for path in list((folder / "best").glob("ckpt-8.*")):
        path.rename(path.with_name(path.name.replace("8", "6", 1)))
    listed = folder / "checkpoint"
    if state.get("list", "") is None:
        listed.unlink()
    elif state.get("list") == "before":
        listed.write_text(listed.read_text().replace("ckpt-8", "ckpt-7"))
    elif "list" in state:
        listed.write_bytes(state["list"])
    for path in list(folder.glob("ckpt-8*")):
        content = path.read_bytes()
        if any(path.name.startswith(prefix) for prefix in state.get("drop", ())):
            path.unlink()
        elif path.name.startswith(state.get("cut", "-")):
            path.write_bytes(content[: len(content) // 2])
        elif path.name.startswith(state.get("garble", "-")):
            middle = len(content) // 2
            garbled = bytes(255 - byte for byte in content[middle : middle + 64])
            path.write_bytes(content[:middle] + garbled + content[middle + 64 :])
    if "part" in state:
        (folder / state["part"]).write_bytes(bytes(1000))

    checkpoints = Checkpoints(str(tmp_path), trainer, keep=2)
    assert checkpoints.restore()
    whole = set(state) <= {"list", "part"} and "drop" not in state
    step = 8 if whole else 7
    assert trainer.step == step
    expected = tf.train.load_checkpoint(str(whole_run / "checkpoints" / f"ckpt-{step}"))
    # Saved again, it is what it was; and no more are kept than asked for.
    trainer.optimizer.iterations.assign(9)
    assert checkpoints.save()
    found = tf.train.load_checkpoint(str(folder / "ckpt-9"))
    for variable in expected.get_variable_to_shape_map():
        if not variable.startswith(("_CHECKPOINTABLE", "save_counter", "optimizer/_iterations")):
            np.testing.assert_array_equal(
                expected.get_tensor(variable), found.get_tensor(variable), err_msg=variable
            )
    assert existing_checkpoints(str(folder))[0].endswith("-9")
    assert len(existing_checkpoints(str(folder))) == 2


def test_other_processes_are_given_all_that_a_checkpoint_holds(settings, tmp_path):
    trainer = launch.make_trainer(dataclasses.replace(settings, precision="mixed_float16"))
    checkpoints = Checkpoints(str(tmp_path), trainer, keep=1)
    checkpoints.save()
    kept = values_in(checkpoints.newest)
    assert len(kept) == len({id(variable) for variable in checkpoints.variables})


def test_without_a_whole_checkpoint_nothing_is_trained(
    settings, markov_dataset, tmp_path, whole_run
):
    shutil.copytree(whole_run, tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").glob("**/ckpt-*.data*"):
        path.write_bytes(b"")
    before = files_of(tmp_path / "run" / "checkpoints")
    with pytest.raises(UserError, match="no checkpoint can be restored.*choose another"):
        train(settings, str(tmp_path / "run"), markov_dataset)
    after = files_of(tmp_path / "run" / "checkpoints")
    assert {n: b for n, b in before.items() if n.startswith("ckpt")} == {
        n: b for n, b in after.items() if n.startswith("ckpt")
    }


@pytest.fixture
def run(whole_run, tmp_path):
    """A copy of a finished run, in a directory that TensorFlow takes for a pattern."""
    neighbour = shutil.copytree(whole_run, tmp_path / "r1")
    before = files_of(neighbour)
    yield shutil.copytree(whole_run, tmp_path / "r[12]*?\\")
    assert files_of(neighbour) == before


def test_names_are_no_patterns(trainer, run):
    """Restored, saved, rotated and read; what else matches the name stays (`run`)."""
    checkpoints = Checkpoints(str(run), trainer, keep=1)
    assert checkpoints.restore() and trainer.step == 8
    checkpoints.best_score.assign(float("inf"))
    for step in (9, 10):
        trainer.optimizer.iterations.assign(step)
        checkpoints.validated(step, 1.0 / step)
        assert checkpoints.save()
    for folder in ("checkpoints", "checkpoints/best"):
        assert [p.rsplit("-", 1)[1] for p in existing_checkpoints(str(run / folder))] == ["10"]
    opened = Run.open(str(run))
    assert opened.checkpoint_path("latest").endswith("-10")
    opened.load_model("latest")
    opened.load_model("best")


def test_the_best_checkpoint_is_gone_on_from_where_it_is_alone(trainer, run):
    for path in (run / "checkpoints").glob("ckpt-*"):
        path.unlink()
    [best] = existing_checkpoints(str(run / "checkpoints" / "best"))
    checkpoints = Checkpoints(str(run), trainer, keep=2)
    assert checkpoints.restore()
    assert trainer.step == step_of(best)
    checkpoints.validated(9, 1000.0)  # worse
    assert existing_checkpoints(str(run / "checkpoints" / "best")) == [best]
    assert checkpoints.save() and all_checkpoints(checkpoints.directory)[0].endswith(
        f"-{step_of(best)}"
    )
    assert Run.open(str(run)).checkpoint_path("latest").endswith(f"-{step_of(best)}")


def test_where_the_best_is_gone_the_next_one_is_kept(trainer, run):
    shutil.rmtree(run / "checkpoints" / "best")
    checkpoints = Checkpoints(str(run), trainer, keep=2)
    assert checkpoints.restore()
    trainer.optimizer.iterations.assign(11)
    checkpoints.validated(11, 1000.0)
    assert len(existing_checkpoints(str(run / "checkpoints" / "best"))) == 1


@pytest.mark.parametrize("what", ["ckpt-*", "*"])
def test_missing_checkpoints_do_not_restart_training(what, settings, markov_dataset, run):
    for path in [*(run / "checkpoints").glob(what), *(run / "checkpoints" / "best").glob(what)]:
        if path.is_file():
            path.unlink()
    before = files_of(run)
    intervals = dataclasses.replace(settings.intervals, save=5)
    with pytest.raises(UserError, match="gone: copy them there again, or choose another"):
        train(dataclasses.replace(settings, intervals=intervals), str(run), markov_dataset)
    assert {n: b for n, b in files_of(run).items() if "events" not in n} == {
        n: b for n, b in before.items() if "events" not in n
    }


def test_one_that_is_removed_while_it_is_read_is_looked_for_again(trainer, run, monkeypatch):
    """As a training does that goes on meanwhile."""
    opened, restore = Run.open(str(run)), checkpoint_files.restore
    checkpoints = Checkpoints(str(run), trainer, keep=1)
    checkpoints.restore()
    steps = iter((21, 22, 23))

    def rotate(*_):
        trainer.optimizer.iterations.assign(next(steps))
        checkpoints.save()

    def slowly(checkpoint, path):
        if trainer.step < 23:
            rotate()
        return restore(checkpoint, path)

    monkeypatch.setattr("ada.runs.run.restore", slowly)
    opened.load_model("latest")
    assert trainer.step == 23
    assert opened.identity("latest")["checkpoint"] == "checkpoints/ckpt-23"
