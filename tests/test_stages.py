"""A stage is run unless its own record says that it is done."""

from types import SimpleNamespace

import pytest

from ada import stages
from ada.stages import Stages


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A function that runs a stage in a new process, as it were; returns the commands run."""
    (tmp_path / "out").mkdir()

    def made():
        commands = []

        def run(command, check):
            commands.append(command)
            return SimpleNamespace(returncode=0)

        monkeypatch.setattr(stages.subprocess, "run", run)
        Stages(tmp_path).run("one", ["module", "--flag"], tmp_path / "out")
        return commands

    return made


@pytest.mark.parametrize("text", ["", '{"finger', "[]", "3", "{}", '{"seconds": 1.0}', "\xff"])
def test_a_torn_or_foreign_record_counts_as_not_done(text, make, tmp_path):
    assert len(make()) == 1
    assert make() == []
    (tmp_path / ".stages" / "one.json").write_text(text, "latin-1")
    assert len(make()) == 1
    assert make() == []
