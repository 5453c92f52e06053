"""Which files are scores, and what they are called."""

import pytest

from ada.rendering.scores import chorales, find_scores
from ada.utils.errors import UsageError, UserError


@pytest.fixture
def folder(tmp_path):
    names = ("b.mid", "a.musicxml", "deep/c.MID", "deep/deeper/d.mxl", "e.midi", "f.xml")
    ignored = ("notes.txt", "a.flac", ".hidden/g.mid", ".h.mid", "mid")
    for name in names + ignored:
        path = tmp_path / "scores" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "scores"


def test_folder_is_searched_to_the_bottom_and_sorted(folder):
    names = [score.name for score in find_scores([str(folder)])]
    assert names == ["a", "b", "deep/c", "deep/deeper/d", "e", "f"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("b.mid", ["b"]), ("*.mid", ["b"]), ("d*/*", ["deep/c"]), ("**/*.mxl", ["deep/deeper/d"])],
)
def test_patterns_and_files(folder, pattern, names):
    assert [score.name for score in find_scores([f"{folder}/{pattern}"])] == names


def test_name_with_brackets_is_a_path_if_it_exists(folder):
    folder.rename(folder.with_name("[x]"))
    folder = folder.with_name("[x]")
    assert len(find_scores([str(folder)])) == 6
    (folder / "b.mid").rename(folder / "b[1].mid")
    [score] = find_scores([str(folder / "b[1].mid")])
    assert score.name == "b[1]"


def test_file_of_two_patterns_is_found_once(folder):
    assert len(find_scores([str(folder), f"{folder}/*.mid", str(folder / "b.mid")])) == 6


def test_two_files_of_one_name_are_refused(folder):
    (folder / "b.mxl").touch()
    with pytest.raises(UsageError, match=r"b\.mid and .*b\.mxl would both become b\.flac"):
        find_scores([str(folder)])
    assert find_scores([f"{folder}/*.mid"])


@pytest.mark.parametrize("pattern", ["nowhere", "*.ogg", "notes.txt"])
def test_pattern_without_scores_is_refused(folder, pattern):
    with pytest.raises(UserError, match="no score found"):
        find_scores([str(folder), f"{folder}/{pattern}"])


def test_chorales_are_different_existing_files():
    scores = chorales()
    assert len(scores) > 300
    assert len({score.path for score in scores}) == len(scores)
    assert all(score.path.is_file() for score in scores)
    assert [score.name for score in scores] == sorted({score.name for score in scores})
