"""Which systems can be played."""

import shutil
from pathlib import Path

from ada.playing.clip_spec import ClipSpec
from ada.playing.systems import find_systems
from ada.runs.system_folder import write_system


def test_a_folder_that_holds_a_system_is_one(make_chain_dirs, tmp_path):
    chain_dirs = make_chain_dirs(4000)
    mine = tmp_path / "mine"
    inside = [shutil.copytree(d, mine / Path(d).name) for d in chain_dirs[2]]
    write_system(mine, [str(path) for path in inside])
    shutil.copytree(chain_dirs[1][0], tmp_path / "other")
    found = find_systems(str(tmp_path))
    own = {name: system for name, system in found.items() if name.startswith(str(tmp_path))}
    # Not its runs one by one.
    assert set(own) == {str(mine), str(tmp_path / "other")}
    assert own[str(mine)].run_dirs == tuple(str(path) for path in inside)
    assert own[str(mine)].has_prior and own[str(mine)].num_decoders == 1


def test_a_damaged_system_is_left_out(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "system.json").write_text("{")
    assert not any(name.startswith(str(tmp_path)) for name in find_systems(str(tmp_path)))


def test_clips_are_called_after_the_name_of_their_system(make_chain_dirs, tmp_path):
    chain_dirs = make_chain_dirs(4000)
    mine = tmp_path / "mine"
    inside = [str(shutil.copytree(d, mine / Path(d).name)) for d in chain_dirs[2]]
    write_system(mine, inside)
    systems = find_systems(str(tmp_path))
    for name, title, flag in (
        (str(mine), "mine-new-seed7", f"--run_dirs={mine}"),
        ("piano_notes", "piano_notes-new-seed7", "--pretrained=piano_notes"),
    ):
        spec = ClipSpec("new", systems[name], 1.0, 7, 1.0, 0.8)
        assert (spec.title, spec.flags()[0]) == (title, flag)
    spec = ClipSpec("translate", systems[str(mine)], 1.0, 7, 1.0, 0.8, "a/song.mp3")
    assert (spec.title, spec.flags()[0]) == ("song-translated-1-seed7", f"--run_dirs={inside[-1]}")
