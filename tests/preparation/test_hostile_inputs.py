"""Folders as they are found: odd names, no permission, loops, files of every kind of damage."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ada.data import SPLITS, Dataset
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.utils.errors import UserError
from ada.utils.files import exclusive

NOBODY = 65534
NAMES = [
    "ü ö.wav",
    "日本語🎹.wav",
    "-rf.wav",
    "new\nline.wav",
    "a,b.wav",
    "[x]*?.wav",
    "{y}%s$HOME.wav",
    "'quoted\".wav",
    "back\\slash.wav",
    os.fsdecode(b"not utf-8 \xff\xfe.wav"),
    "x" * 251 + ".wav",
    "WITHOUT EXTENSION",
]


def options_for(directory):
    return AudioOptions(inputs=(str(directory),), record_steps=2000)


def names_in(directory):
    spec = Dataset.open(str(directory)).spec
    return {source.path for split in SPLITS for source in spec.splits[split].sources}


@pytest.mark.parametrize("name", [*NAMES, "deep/" * 100 + "a.wav"])
def test_any_name_of_a_file(tmp_path, write_audio, name, capsys):
    directory = tmp_path / "in"
    for seed, other in enumerate(("a.wav", "b.wav")):
        write_audio(directory / other, 1, seed=seed)
    write_audio(tmp_path / "sound.wav", 1, seed=2)
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "sound.wav").rename(directory / name)
    soundfile.write(directory / "short.wav", np.zeros(9), 16000)
    (directory / "short.wav").rename((directory / name).with_name("s" + Path(name).name[1:]))
    prepare(str(tmp_path / "out"), options_for(directory))
    assert names_in(tmp_path / "out") == {"a.wav", "b.wav", name}
    capsys.readouterr().out.encode("utf-8")  # any terminal can show it
    prepare(str(tmp_path / "again"), options_for(directory / name))
    assert len(names_in(tmp_path / "again")) == 1


def test_damage_of_every_kind_in_one_folder(tmp_path, write_audio):
    directory = tmp_path / "in"
    for i in range(3):
        write_audio(directory / f"good{i}.wav", 1, seed=i)
    good = (directory / "good0.wav").read_bytes()
    soundfile.write(directory / "one sample.wav", np.ones(1), 16000)
    soundfile.write(directory / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    (directory / "zero bytes.wav").touch()
    (directory / "wrong extension.mp3").write_bytes(good)  # what is in it counts
    (directory / "text.flac").write_text("la la la")
    (directory / "folder.wav").mkdir()
    (directory / "nothing.wav").symlink_to("nowhere")
    (directory / "loop.wav").symlink_to("loop.wav")
    (directory / "one.wav").symlink_to("other.wav")
    (directory / "other.wav").symlink_to("one.wav")
    (directory / "round").symlink_to(directory)
    os.mkfifo(directory / "pipe.wav")
    huge = bytearray(good)
    huge[4:8] = huge[40:44] = (4 * 10**9).to_bytes(4, "little")
    (directory / "huge.wav").write_bytes(huge)
    for size in (5, 20, 43, 44, 1000):
        (directory / f"cut at {size}.wav").write_bytes(good[:size])
    spec = prepare(str(tmp_path / "out"), options_for(directory))
    reasons = {dropped.path: dropped.reason for dropped in spec.dropped}
    assert reasons == {
        "one sample.wav": "too_short",
        "nan.wav": "not_finite",
        "zero bytes.wav": "empty",
        "text.flac": "not_audio",
        "nothing.wav": "unreadable",
        "loop.wav": "unreadable",
        "one.wav": "unreadable",
        "other.wav": "unreadable",
        "pipe.wav": "not_audio",
        "huge.wav": "truncated",
        **{f"cut at {size}.wav": "truncated" for size in (5, 20, 43, 44, 1000)},
    }
    assert names_in(tmp_path / "out") == {
        *(f"good{i}.wav" for i in range(3)),
        "wrong extension.mp3",
    }


def as_nobody(function):
    """Calls a function in a process that has no more rights than anybody; it must not fail."""
    child = os.fork()
    if not child:
        status = 1
        try:
            if os.geteuid() == 0:  # an administrator may read everything
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            function()
            status = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def shared():
    """A directory that anybody may search."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)


def test_a_file_without_permission_is_left_out_and_a_folder_is_named(shared, write_audio):
    for i in range(4):
        write_audio(shared / f"in/{i}.wav", 1, seed=i)
    write_audio(shared / "closed/a.wav", 1)
    (shared / "in/2.wav").chmod(0)
    (shared / "closed").chmod(0)
    (shared / "in").chmod(0o755)

    def check():
        spec = prepare(str(shared / "out"), options_for(shared / "in"))
        assert [(d.path, d.reason) for d in spec.dropped] == [("2.wav", "unreadable")]
        assert names_in(shared / "out") == {"0.wav", "1.wav", "3.wav"}
        with pytest.raises(UserError, match="closed cannot be searched: Permission denied"):
            prepare(str(shared / "out2"), options_for(shared / "closed"))

    as_nobody(check)


def test_an_output_that_cannot_be_written_is_one_error(shared, write_audio):
    from ada.cli.commands import _is_of_the_system, _message_of

    write_audio(shared / "in/a.wav", 2)
    (shared / "in").chmod(0o755)
    (shared / "closed").mkdir(mode=0o555)

    def check():
        for output in ("closed", "closed/out"):
            with pytest.raises(OSError) as error:
                prepare(str(shared / output), options_for(shared / "in"))
            assert _is_of_the_system(error.value)
            assert "Permission denied. Name another directory" in _message_of(error.value)

    as_nobody(check)


def test_two_preparations_of_one_directory(tmp_path, write_audio, files_of):
    """The second is refused while the first is at work, and nothing of either is lost."""
    for i in range(3):
        write_audio(tmp_path / f"in/{i}.wav", 1, seed=i)
    options, out = options_for(tmp_path / "in"), str(tmp_path / "out")

    def meanwhile(jobs):
        for number, job in enumerate(jobs):
            job.run()
            with pytest.raises(UserError, match="another process is at work in .*out"):
                prepare(out, options, overwrite=bool(number % 2))

    prepare(out, options, run_jobs=meanwhile)
    prepare(str(tmp_path / "alone"), options)
    assert files_of(out) == files_of(tmp_path / "alone")
    with exclusive(tmp_path / "out"):  # of extracted codes
        prepare(out, options)


def test_overwriting_with_nothing_loses_nothing(tmp_path, write_audio, files_of):
    for i in range(3):
        write_audio(tmp_path / f"in/{i}.wav", 1, seed=i)
    out = str(tmp_path / "out")
    prepare(out, options_for(tmp_path / "in"))
    before = files_of(out)
    with pytest.raises(UserError, match="No file matches"):
        prepare(out, options_for(tmp_path / "misspelt"), overwrite=True)
    assert files_of(out) == before
