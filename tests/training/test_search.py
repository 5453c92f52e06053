"""The directory of a search belongs to one search."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest
from support import write_codes

from ada.data import Dataset
from ada.population import History
from ada.population.history import Comparison, Standing
from ada.training import Search
from ada.utils.errors import StoppedError, UserError

search = pytest.importorskip("ada.population.search")
winner_run = pytest.importorskip("ada.population.winner")


@pytest.fixture
def dataset(tmp_path):
    splits = {split: [np.arange(100) % 4] for split in ("train", "validation", "test")}
    return Dataset.open(write_codes(tmp_path / "codes", splits, 4))


def test_the_same_search_goes_on(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    search._claim(root, "A = 1\n", dataset)


def test_other_settings_are_refused(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    with pytest.raises(UserError, match="other settings"):
        search._claim(root, "A = 2\n", dataset)


def test_codes_of_another_checkpoint_are_refused_with_both(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    path = root / "dataset.json"
    spec = json.loads(path.read_text())
    spec["upstream"]["digest"] = "older"
    path.write_text(json.dumps(spec))
    with pytest.raises(UserError, match="was older, is made-up"):
        search._claim(root, "A = 1\n", dataset)


@pytest.fixture
def searched(settings):
    ranges = {"Optimization.learning_rate": (1e-4, 1e-2)}
    return dataclasses.replace(settings, search=Search(ranges, 2, interval_steps=4))


def search_in(run_dir, settings, dataset):
    search.search(lambda values: settings, lambda: "", str(run_dir), dataset.directory)


def test_a_floor_that_no_member_can_reach_is_refused_first(searched, dataset, tmp_path):
    floor = dataclasses.replace(searched.search, least_perplexity=8.0)
    with pytest.raises(UserError, match="least_perplexity 8.0 must be less than .* codes, 8:"):
        search_in(tmp_path / "run", dataclasses.replace(searched, search=floor), dataset)
    assert not (tmp_path / "run").exists()


def test_a_run_without_the_history_of_its_search(searched, dataset, tmp_path):
    search._claim(tmp_path / "run" / "search", "", dataset)
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(UserError, match="population.json does not name its winner"):
        search_in(tmp_path / "run", searched, dataset)


def test_a_kill_may_have_left_an_older_best(searched, dataset, tmp_path, monkeypatch):
    root = tmp_path / "run" / "search"
    for number, step in ((1, 2), (0, 4)):
        (root / f"best-{number}-{step}").mkdir(parents=True)
        (root / f"best-{number}-{step}" / f"ckpt-{step}.index").write_text(f"of {number}")
        (root / f"member{number}").mkdir()
        (root / f"member{number}" / "metrics.jsonl").write_text("")
    state = {"step": 4, "checkpoint": "member0/checkpoints/ckpt-4"}
    winner = Standing(0, {"Optimization.learning_rate": 1e-3}, 3.0, True, state)
    monkeypatch.setattr(winner_run, "draw", lambda *args: None)
    history = History((Comparison(4, (winner,)),))
    winner_run.write_winner(lambda values: searched, lambda: "", history, root, dataset)
    assert (tmp_path / "run/checkpoints/best/ckpt-4.index").read_text() == "of 0"


@pytest.mark.parametrize(("number", "name"), [("SIGTERM", "SIGTERM"), ("SIGINT", "Ctrl-C")])
def test_a_signal_ends_a_search_with_one_line_that_says_where(number, name, tmp_path, monkeypatch):
    members = (Standing(0, {}, 3.0, True, {"step": 4}),)
    History((Comparison(4, members),)).save(str(tmp_path / "population.json"))

    def evolve(plan, *args, callbacks, **kwargs):
        callbacks.on_turn()
        os.kill(os.getpid(), getattr(signal, number))
        callbacks.on_turn()

    monkeypatch.setattr(search, "evolve", evolve)
    plan = search.Plan({}, 1, 8, 4)
    with (
        pytest.raises(StoppedError, match=f"^{name}; the same command resumes from step 4.$"),
        search._stoppable(tmp_path),
    ):
        search._evolve(plan, None, History(), tmp_path, search.Cluster())


def test_the_fitness_of_a_member_is_one_line():
    standing = Standing(3, {}, 3.0, True, {}, {"bits": 3.0})
    assert search._line_of_member(8, standing, None) == "step 8: member 3: 3.000 bits"
    unhealthy = dataclasses.replace(standing, healthy=False)
    line = "step 8: member 3 (on 10.0.0.2): 3.000 bits, not healthy"
    assert search._line_of_member(8, unhealthy, "10.0.0.2") == line
    diverged = dataclasses.replace(unhealthy, report={"bits": None})
    assert search._line_of_member(8, diverged, None) == "step 8: member 3: diverged"
