"""A folder whose name stands for the runs in it."""

import shutil

import pytest

from ada.runs.chain import open_runs
from ada.runs.system_folder import read_system, write_system
from ada.utils.errors import UserError


def test_folder_stands_for_its_runs_and_can_be_moved(chain_dirs, tmp_path):
    folder = tmp_path / "mine [1]"
    inside = [shutil.copytree(d, folder / f"level {n}") for n, d in enumerate(chain_dirs[2])]
    write_system(folder, [str(path) for path in inside])
    moved = folder.rename(tmp_path / "theirs")
    assert [run.directory for run in open_runs([str(moved)])] == [
        str(moved / "level 0"),
        str(moved / "level 1"),
    ]


def test_pretrained_runs_keep_their_names(tmp_path):
    write_system(tmp_path, ["piano_notes/prior_hop64", "piano_notes/hop64_vqvae"])
    assert len(open_runs([str(tmp_path)])) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"run_dirs": []}', '{"run_dirs": "x"}', '{"a": 1}'])
def test_damaged_file_is_named(tmp_path, text):
    (tmp_path / "system.json").write_text(text)
    with pytest.raises(UserError, match="does not name run directories"):
        open_runs([str(tmp_path)])


def test_other_folders_hold_no_system(tmp_path):
    assert read_system(tmp_path) is None
