"""Jaderberg's toy on Ray: what copying and exploring are worth, killed workers, and going on."""

import math
import os
import signal

import pytest

from ada.population import History, engine, stall
from ada.population.cluster import Cluster
from ada.population.plan import Plan, Progress
from ada.population.scheduler import Callbacks
from ada.utils.errors import UserError

RANGES = {"h0": (0.1, 1.0), "h1": (0.1, 1.0)}
# Each of two members sees one of two coordinates only.
STARTS = [{"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 1.0}]


@pytest.fixture(scope="module", autouse=True)
def _ray():
    """Started once: that takes longer than all the rest."""
    with Cluster():
        yield


@pytest.fixture
def evolve(tmp_path):
    """`engine.evolve` with what to call by name."""

    def evolved(plan, advance, history, starts, **callbacks):
        storage = str(tmp_path / "ray")
        found = engine.evolve(plan, advance, history, storage, starts, Callbacks(**callbacks))
        assert not (tmp_path / "ray").exists()
        return found

    return evolved


def plan(quantile=0.5, num_steps=100):
    return Plan(RANGES, 2, num_steps, 10, quantile=quantile, seed=1, concurrent=2)


def toy(die_at=None, flag=None, collapse=None, always=False):
    """Gradient ascent on 1.2 - h0 theta0^2 - h1 theta1^2, scored by Q = 1.2 - |theta|^2.

    Made here, so that it is sent to the worker processes whole.
    """

    def advance(number, hyperparameters, state):
        step, *theta = state or [0, 0.9, 0.9]
        if step == die_at and number == 0 and (always or not os.path.exists(flag)):  # noqa: PTH110
            if not always:
                open(flag, "w").close()  # noqa: PTH123, SIM115
            os.kill(os.getpid(), signal.SIGKILL)
        h = [hyperparameters["h0"], hyperparameters["h1"]]
        for _ in range(10):
            theta = [t - 0.04 * k * t for t, k in zip(theta, h, strict=True)]
        # A member that collapsed would have the best score of all.
        healthy = number != collapse
        score = theta[0] ** 2 + theta[1] ** 2 - 1.2 if healthy else 1000.0
        return Progress(step + 10, score, [step + 10, *theta], healthy, {})

    return advance


def q(history):
    return -history.best()[1].score


def test_without_copying_members_stall(evolve):
    history = evolve(plan(quantile=0.0), toy(), History(), STARTS)
    assert q(history) < 0.45
    assert history.step == 100
    assert all(s.copied_from is None for c in history.comparisons for s in c.members)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nothing disturbs."""
    storage = str(tmp_path_factory.mktemp("whole") / "ray")
    return engine.evolve(plan(), toy(), History(), storage, STARTS)


def test_a_population_gets_where_no_member_can(whole, evolve, tmp_path):
    assert q(whole) > 1.1
    assert [c.step for c in whole.comparisons] == list(range(10, 101, 10))
    for before, after in zip(whole.comparisons, whole.comparisons[1:], strict=False):
        for standing in before.members:
            assert standing.next_hyperparameters == after.of(standing.member).hyperparameters
            if standing.copied_from is not None:
                assert all(
                    low <= standing.next_hyperparameters[name] <= high
                    for name, (low, high) in RANGES.items()
                )

    # Stopped anywhere and gone on, and with a worker killed on the way, it is the same search.
    path = str(tmp_path / "population.json")

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(history):
        history.save(path)
        if history.step == 40:
            raise Stopped

    with pytest.raises(Stopped):
        evolve(plan(), toy(), History(), STARTS, on_comparison=stop)
    history = History.load(path)
    assert history.step == 40
    flag = str(tmp_path / "died")
    assert evolve(plan(), toy(60, flag), history, STARTS) == whole
    assert os.path.exists(flag)  # noqa: PTH110


def test_callbacks_may_hold_open_files(evolve, tmp_path):
    """As progress bars do; Ray pickles what it is given."""
    with (tmp_path / "log").open("w") as log:

        def note(*values):
            print(len(values), file=log)

        evolve(plan(num_steps=10), toy(), History(), STARTS, on_member=note, on_comparison=note)
    assert sorted((tmp_path / "log").read_text().split()) == ["1", "3", "3"]


def test_a_member_that_dies_again_and_again_stops_the_search_and_the_rest_is_kept(evolve):
    kept = []
    with pytest.raises(UserError, match="member 0 failed 4 times: .* resumes from"):
        evolve(
            plan(num_steps=40), toy(20, always=True), History(), STARTS, on_comparison=kept.append
        )
    assert kept[-1].step == 20
    history = evolve(plan(num_steps=40), toy(), kept[-1], STARTS)
    assert [len(c.members) for c in history.comparisons] == [2, 2, 2, 2]


def test_a_member_that_is_not_healthy_always_copies_and_never_wins(evolve):
    history = evolve(plan(quantile=0.0, num_steps=40), toy(collapse=1), History(), STARTS)
    assert [c.of(1).copied_from for c in history.comparisons] == [0, 0, 0, None]
    assert history.best()[1].member == 0


def test_an_error_of_a_member_is_shown(evolve):
    def broken(number, hyperparameters, state):
        raise ValueError("does not fit")

    with pytest.raises(UserError, match="does not fit"):
        evolve(plan(num_steps=20), broken, History(), STARTS)


def test_starts_are_a_function_of_the_seed_and_uniform_in_the_logarithm():
    wide = Plan({"a": (1e-4, 1.0), "b": (1e-4, 1.0)}, 400, 1, 1, seed=3)
    starts = wide.starts()
    assert starts == wide.starts()
    assert starts[:5] == Plan(wide.hyperparameters, 5, 1, 1, seed=3).starts()
    assert starts != Plan(wide.hyperparameters, 400, 1, 1, seed=4).starts()
    for name in ("a", "b"):
        logs = [math.log10(start[name]) for start in starts]
        assert min(logs) >= -4.0
        assert max(logs) <= 0.0
        assert abs(sum(logs) / len(logs) + 2.0) < 0.2


def test_a_population_that_nobody_runs_is_noticed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(stall.time, "monotonic", lambda: now[0])
    watch = stall.StallWatch()
    starting = stall.START_SECS - 1.0
    for now[0], status in (
        (0.0, "PENDING"),
        (starting, "PENDING"),
        (starting + 5.0, "RUNNING"),
        (starting + 9.0, "PAUSED"),
    ):
        watch.look([(status, True), ("PAUSED", False)])
    now[0] = starting + 5.0 + stall.STALL_SECS
    watch.look([("PAUSED", False), ("TERMINATED", False)])
    now[0] += 1.0
    with pytest.raises(stall.StalledError, match="no member for 180 s"):
        watch.look([("PAUSED", False), ("TERMINATED", False)])


@pytest.mark.parametrize("lost", [("ERROR", False), ("RUNNING", False)])
def test_a_member_that_is_lost_is_noticed(lost):
    with pytest.raises(stall.StalledError, match="lost a member"):
        stall.StallWatch().look([("RUNNING", True), ("PAUSED", False), lost])


def test_a_stalled_population_goes_on_at_its_last_comparison(whole, evolve, monkeypatch):
    """Ray is stopped once, at step 50, as if it had stalled there."""
    stalled = []

    def look(self, members):
        if comparisons[-1:] == [50] and not stalled:
            stalled.append(True)
            raise stall.StalledError("it stalls")

    comparisons = []
    monkeypatch.setattr(stall.StallWatch, "look", look)
    history = evolve(
        plan(), toy(), History(), STARTS, on_comparison=lambda h: comparisons.append(h.step)
    )
    assert stalled
    assert history == whole
    assert comparisons == list(range(10, 101, 10))


@pytest.mark.long
def test_a_member_that_goes_on_from_elsewhere_is_noticed(whole, evolve, monkeypatch):
    """Once, at step 80, members are given the states they had at step 40."""
    before, history = (History(whole.comparisons[:n]) for n in (4, 8))
    for wrong in (before.next_members(), [m | {"state": None} for m in history.next_members()]):
        monkeypatch.setattr(engine, "_fit", once(engine._fit, wrong))
        assert evolve(plan(), toy(), history, STARTS) == whole


def once(fit, configs):
    """`_fit`, given other configurations the first time."""
    given = [configs]
    return lambda plan, advance, scheduler, right, storage: fit(
        plan, advance, scheduler, given.pop() if given else right, storage
    )
