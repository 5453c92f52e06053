"""Fine-tuning of a tiny system, from the music to the page."""

import time

import accessibility
import numpy as np
import pytest
from support import before_each_step, files_of, refuses, run_here

from ada.runs.run import Run
from ada.runs.system_folder import read_system
from ada.tuning import budget
from ada.tuning.state import State
from ada.tuning.tune import Options, tune
from ada.utils.errors import UserError


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Every level is trained for 24 steps, whatever the time."""
    plan = budget.TrainingPlan(24, 2)
    monkeypatch.setattr(budget, "training_within", lambda secs, speed: plan)


@pytest.fixture(scope="module")
def tuned(tiny_system, music, tmp_path_factory):
    """The folder of a finished fine-tuning; not to be changed."""
    run_dir = tmp_path_factory.mktemp("tune") / "mine"
    with pytest.MonkeyPatch.context() as patch:
        plan = budget.TrainingPlan(24, 2)
        patch.setattr(budget, "training_within", lambda secs, speed: plan)
        # Ten times what it takes: a busy machine must not leave the last level without time.
        tune(Options((str(music),), tiny_system, 8.0), str(run_dir))
    return run_dir


def test_trains_all_levels_and_leaves_a_page(tuned):
    state = State.load(tuned)
    (one,) = state.rounds
    assert one.done and 0 < state.spent_secs < 480
    assert all(level.done and level.bits is not None for level in one.levels.values())
    page = (tuned / "page.html").read_text("utf-8")
    assert "New clips" in page and "Songs before and after" in page
    names = {path.name for path in (tuned / "clips").glob("*.wav")}
    assert names == {f"new{n}.wav" for n in (1, 2, 3)} | {
        f"song{n}-{kind}.wav" for n in (1, 2, 3) for kind in ("original", "before", "after")
    }


def test_its_page_is_accessible_and_nothing_is_cut_off(tuned, browser):
    accessibility.check_file(browser, tuned / "page.html")


def test_uses_what_became_better(tuned, tiny_system):
    (one,) = State.load(tuned).rounds
    for run_dir, start, level in zip(
        read_system(tuned), read_system(tiny_system), one.levels.values(), strict=True
    ):
        assert level.improved  # random weights become better in any steps
        assert str(tuned / "rounds" / "1") in run_dir
        assert Run.open(run_dir).info.init_from == start


def test_before_is_what_the_system_scored(tuned, tiny_system):
    """Measured with a learning rate of 0: the weights of the start, scored on the new music."""
    from ada.data import Dataset
    from ada.evaluation import SplitScorer

    bottom = Run.open(read_system(tiny_system)[-1])
    dataset = Dataset.open(str(tuned / "data"))
    scored = SplitScorer(bottom.load_model(), dataset, bottom.info.to_ids())()
    (one,) = State.load(tuned).rounds
    measured = one.levels["level1"].speed.bits
    np.testing.assert_allclose(measured, scored["bits"], rtol=1e-5)


def test_other_commands_take_the_folder(tuned, tmp_path):
    flags = [f"--output_dir={tmp_path / 'out'}", "--num_samples=1", "--duration_secs=0.5"]
    run_here("ada.sample", f"--run_dirs={tuned}", *flags)
    assert list((tmp_path / "out").glob("*-new-seed*.wav"))


def test_the_same_again_does_nothing_and_more_minutes_go_on(tiny_wavenet, music, tmp_path):
    mine, inputs = tmp_path / "mine", (str(music),)
    tune(Options(inputs, tiny_wavenet, 2.0), str(mine))
    spent, before = State.load(mine).spent_secs, files_of(mine)
    tune(Options(inputs, tiny_wavenet, spent / 60), str(mine))
    assert files_of(mine) == before
    tune(Options(inputs, tiny_wavenet, 30.0), str(mine))
    state = State.load(mine)
    first, second = (one.levels["wavenet"] for one in state.rounds)
    assert state.spent_secs > spent
    assert second.speed.bits == first.bits  # not measured again
    assert "rounds/1/wavenet" in second.start


def test_interrupted_it_can_be_played_and_goes_on(tiny_wavenet, music, tmp_path):
    mine, options = tmp_path / "mine", Options((str(music),), tiny_wavenet, 2.0)

    def interrupt(trainer):
        # Past the ten steps that the speed is measured by, and after a validation.
        if trainer.step == 15:
            raise KeyboardInterrupt

    with before_each_step(interrupt), pytest.raises(KeyboardInterrupt):
        tune(options, str(mine))
    (playable,) = read_system(mine)
    assert "rounds/1" in playable
    assert Run.open(playable).load_model().num_classes == 7
    assert 0 < State.load(mine).spent_secs < 120
    tune(options, str(mine))
    assert State.load(mine).rounds[0].done


def test_refuses_other_music_or_another_system(tuned, tiny_system, music):
    with pytest.raises(UserError, match="begun with the music"):
        tune(Options(("other",), tiny_system, 2.0), str(tuned))
    with pytest.raises(UserError, match="begun with the system"):
        tune(Options((str(music),), "piano_notes", 2.0), str(tuned))


def test_leaves_what_is_not_its_own(tiny_system, music, tmp_path):
    (tmp_path / "system.json").write_text("mine")
    with pytest.raises(UserError, match="was not made by ada.tune"):
        tune(Options((str(music),), tiny_system, 2.0), str(tmp_path))
    assert (tmp_path / "system.json").read_text() == "mine"


def test_wrong_usage_is_refused(tmp_path):
    refuses("ada.tune", code=2, said="name your music")
    refuses("ada.tune", "nothere", said="nothere")
    refuses("ada.tune", str(tmp_path), "--init_from=unknown", said="piano_notes")
    refuses("ada.tune", str(tmp_path), "--minutes=0", code=2, said="minutes")


@pytest.mark.long
def test_keeps_its_budget(tiny_system, music, tmp_path, monkeypatch):
    """It ends in time. What trains in milliseconds ends early: its speed is underestimated."""
    monkeypatch.undo()
    began = time.monotonic()
    tune(Options((str(music),), tiny_system, 2.0), str(tmp_path / "mine"))
    assert time.monotonic() - began < 150
