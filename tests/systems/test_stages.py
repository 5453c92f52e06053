"""A stage is run unless its own record says that it is done."""

from functools import partial

import pytest

from ada.systems import stages
from ada.systems.stages import Stages


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A function that runs a stage in a new process, as it were; returns the commands run."""
    (tmp_path / "out").mkdir()

    def made():
        commands = []

        def run(command):
            commands.append(command)
            return 0

        monkeypatch.setattr(stages, "run_command", run)
        Stages(tmp_path).run("one", ["module", "--flag"], tmp_path / "out")
        return commands

    return made


def test_a_branch_does_not_depend_on_what_the_trunk_does_next(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(stages, "run_command", lambda command: commands.append(command[-1]) or 0)

    def made(trunk_flag, root_flag):
        commands.clear()
        trunk = Stages(tmp_path)
        trunk.run("root", ["m", root_flag], tmp_path)
        branch = trunk.branch()
        trunk.run("trunk", ["m", trunk_flag], tmp_path)
        branch.run("leaf", ["m", "leaf"], tmp_path)
        assert trunk.seconds.keys() == {"root", "trunk", "leaf"}
        return commands.copy()

    assert made("a", "r") == ["r", "a", "leaf"]
    assert made("b", "r") == ["b"]
    assert made("b", "s") == ["s", "b", "leaf"]


@pytest.mark.parametrize("text", ["", '{"finger', "[]", "3", "{}", '{"seconds": 1.0}', "\xff"])
def test_a_torn_or_foreign_record_counts_as_not_done(text, make, tmp_path):
    assert len(make()) == 1
    assert make() == []
    (tmp_path / ".stages" / "one.json").write_text(text, "latin-1")
    assert len(make()) == 1
    assert make() == []


def test_the_time_left_is_estimated_from_what_is_done(tmp_path):
    costs = {"one": 10.0, "two": 20.0, "three": 5.0}
    stages = Stages(tmp_path, planned=4, costs={n: partial(float, c) for n, c in costs.items()})
    assert stages.left_secs() is None  # nothing is known of this machine
    stages.seconds |= {"data": 100.0, "one": 60.0}
    assert stages.left_secs() == 150.0
    stages.seconds["two"] = 60.0
    assert stages.left_secs() == 20.0
    stages.seconds["three"] = 1.0
    assert stages.left_secs() is None
