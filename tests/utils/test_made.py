"""What a command has not made, it neither replaces nor removes."""

import json

import pytest

from ada.utils.errors import UserError
from ada.utils.made import MARKER, claim, mark, marked, remove_made, require_replaceable


def never(directory):
    return False


def test_a_claimed_directory_is_its_own_from_then_on(tmp_path):
    claim(tmp_path / "new", "ada.x", ["page.html"], never)
    (tmp_path / "new" / "page.html").write_text("ours")
    claim(tmp_path / "new", "ada.x", ["page.html"], never)
    with pytest.raises(UserError, match="page.html was not made by ada.y: name another"):
        claim(tmp_path / "new", "ada.y", ["page.html"], never)
    # One of before there were markers.
    claim(tmp_path / "new", "ada.y", ["page.html"], lambda d: (d / "page.html").exists())


def test_names_that_are_taken_are_refused_and_others_do_no_harm(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(UserError, match="page.html was not made"):
        claim(tmp_path, "ada.x", ["page.html"], never)
    assert not (tmp_path / MARKER).exists()
    claim(tmp_path, "ada.x", ["table.csv"], never)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_by": "ada.y"}', '{"made_by": 3}', "\xff"])
def test_markers_of_something_else_are_none(text, tmp_path):
    (tmp_path / MARKER).write_text(text)
    assert marked(tmp_path, "ada.x") is None


def test_nothing_outside_is_removed_whatever_a_marker_says(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "other").write_text("mine")
    for name in ("a.wav", "b.wav"):
        (inside / name).write_text(name)
    mark(inside, "ada.x", ["../other", str(tmp_path / "other"), "a.wav", "gone.wav"])
    remove_made(inside, "ada.x")
    assert {path.name for path in inside.iterdir()} == {"b.wav", MARKER}
    assert (tmp_path / "other").read_text() == "mine"


@pytest.mark.parametrize("files", [3, "a.wav", {"a.wav": 1}, [["a.wav"], "", ".", "a\0b"], None])
def test_a_marker_whose_files_are_no_names_names_none(files, tmp_path):
    (tmp_path / "a.wav").write_text("mine")
    (tmp_path / MARKER).write_text(json.dumps({"made_by": "ada.x", "files": files}))
    remove_made(tmp_path, "ada.x")
    assert (tmp_path / "a.wav").read_text() == "mine"


def test_a_directory_is_replaced_if_all_in_it_was_made(tmp_path):
    require_replaceable(tmp_path / "missing", "ada.x", "")
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_text("ours")
    require_replaceable(tmp_path, "ada.x", "variables/.+")
    with pytest.raises(UserError, match="data was not made by ada.x"):
        require_replaceable(tmp_path, "ada.x", "other/.+")
    mark(tmp_path, "ada.x", ["variables/data"])
    require_replaceable(tmp_path, "ada.x", "")
    (tmp_path / "variables" / "mine").symlink_to("/etc")
    with pytest.raises(UserError, match="mine was not made by ada.x"):
        require_replaceable(tmp_path, "ada.x", "variables/.+")
