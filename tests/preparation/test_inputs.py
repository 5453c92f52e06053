import os
from pathlib import Path

import pytest

from ada.data import DatasetError
from ada.preparation.inputs import find_files, split_patterns, why_not_audio


@pytest.fixture
def music(tmp_path, monkeypatch):
    for name in (
        "music/a.wav",
        "music/x/b.WAV",
        "music/x/y/c.flac",
        "music/x/y/notes.txt",
        "music/.hidden/d.wav",
        "music/.DS_Store",
        "music/[2018] Live, at home/e.wav",
        "other/a.wav",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = [".DS_Store", "[2018] Live, at home/e.wav", "a.wav", "x/b.WAV", "x/y/c.flac", "x/y/notes.txt"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["music"], ALL),
        (["music/"], ALL),
        (["music/**"], ALL),
        (["music/**/*"], ALL),
        (["./music/../music/**/*"], ALL),
        (["music/*"], [".DS_Store", "a.wav"]),
        (["music/*.wav"], ["a.wav"]),
        (["music/**/*.wav"], ["[2018] Live, at home/e.wav", "a.wav"]),
        (["music/*/*"], ["[2018] Live, at home/e.wav", "x/b.WAV"]),
        (["music/**/y/*"], ["x/y/c.flac", "x/y/notes.txt"]),
        (["music/x/**/*.flac"], ["y/c.flac"]),
        (["music/x/?.[Ww]*"], ["b.WAV"]),
        (["music/a.wav"], ["a.wav"]),
        (["music/[2018] Live, at home"], ["e.wav"]),
        (["music", "music/a.wav", "music/**/*"], ALL),
        (["music/a.wav", "other/a.wav"], ["music/a.wav", "other/a.wav"]),
    ],
)
def test_patterns(music, patterns, names):
    files = find_files(patterns)
    assert [file.name for file in files] == sorted(names)
    assert all(Path(file.path).is_file() for file in files)
    absolute = find_files([str(music / p) for p in patterns])
    assert absolute == files


def test_links(music):
    (music / "music/x/loop").symlink_to(music / "music")
    (music / "music/x/again").symlink_to(music / "music/x/y")
    (music / "music/z.wav").symlink_to(music / "music/a.wav")
    (music / "music/elsewhere").symlink_to(music / "other")
    (music / "music/broken.wav").symlink_to(music / "nothing.wav")
    names = [file.name for file in find_files(["music/**/*"])]
    expected = [n for n in ALL if "/y/" not in n]
    expected += ["x/again/c.flac", "x/again/notes.txt", "elsewhere/a.wav", "broken.wav"]
    assert names == sorted(expected)


def test_output_is_no_input(music):
    assert [f.name for f in find_files(["music"], exclude_dir="music/x")] == ALL[:3]


def test_nothing_matches(music):
    with pytest.raises(DatasetError, match=r"No file matches 'music/x/\*\.mp3'.*'\*\*' in it"):
        find_files(["music/x/*.mp3"])
    with pytest.raises(DatasetError, match="No file matches 'nowhere'"):
        find_files(["nowhere"])


def test_split_patterns(music):
    assert split_patterns(["a/*,b/**", "c"]) == ["a/*", "b/**", "c"]
    assert split_patterns(["music/[2018] Live, at home"]) == ["music/[2018] Live, at home"]
    assert split_patterns(["", " , "]) == []


def test_names_alone_do_not_decide(music):
    os.mkfifo(music / "pipe")
    (music / "list.txt").write_text("a.wav, b.wav")
    (music / "take.txt").write_bytes(b"fLaC\0\0\0\x22" + bytes(34))
    (music / ".mine.tmp").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    yes = [
        "a/.DS_Store",
        "a/._song.wav",
        "a/x.JSON",
        "b.mid",
        "c.tfrecord",
        str(music / "pipe"),
        str(music / "list.txt"),
    ]
    no = ["a.wav", "b", "c.mp3", "d.aif", "txt", "a.json/x.ogg"]
    no += [str(music / "take.txt"), str(music / ".mine.tmp")]
    assert all(why_not_audio(path) for path in yes)
    assert not any(why_not_audio(path) for path in no)


def test_folders_that_are_there_are_no_patterns(music):
    """As a clone in such a folder has its bundled audio in one."""
    for folder in ("a [x] b", "a ? b", "c*"):
        (music / folder / "in").mkdir(parents=True)
        (music / folder / "in" / "one.wav").touch()
    (music / "a x b" / "in").mkdir(parents=True)
    (music / "a x b" / "in" / "other.wav").touch()
    for folder in ("a [x] b", "a ? b", "c*"):
        found = find_files([f"{music}/{folder}/in/*.wav"])
        assert [file.path for file in found] == [f"{music}/{folder}/in/one.wav"]
    assert len(find_files([f"{music}/a [xyz] b/in/*.wav"])) == 1
