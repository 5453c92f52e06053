"""Commands without streams, a user or a home, and with the settings of other projects."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, refuses, run_here

from ada.cli import surroundings
from ada.utils.streams import Forgiving

DESCRIBE = [sys.executable, "-m", "ada.describe", "--gin_file=gin/hop64_vqvae.gin"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_not_there(closed, tmp_path):
    """What is opened later does not get their numbers, into which native code writes."""
    lines = [
        "import os",
        "from ada.cli.surroundings import heard",
        "with heard():",
        f"    file = open({str(tmp_path / 'data')!r}, 'w')",
        "    assert file.fileno() > 2, file.fileno()",
        "    print('out', flush=True); os.write(1, b'1'); os.write(2, b'2')",
    ]
    command = f'"{sys.executable}" -c "$CODE" {closed}'
    environment = os.environ | {"CODE": chr(10).join(lines)}
    process = subprocess.run(command, shell=True, cwd=ROOT, env=environment, check=False)
    assert process.returncode == 0 and (tmp_path / "data").read_text() == ""


def test_a_reader_that_has_gone_ends_no_work(monkeypatch):
    """`| head` with unbuffered output: what follows is done all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with surroundings.heard():
            for number in range(3):
                print("line", number)
        assert sys.stdout is stream
        assert number == 2


def test_a_user_that_the_system_does_not_know(monkeypatch):
    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    environment = {}
    surroundings.know_a_user(environment)
    assert environment["LOGNAME"] == str(os.getuid()) and Path(environment["HOME"]).is_dir()
    given = {"USER": "somebody", "HOME": "/somewhere"}
    surroundings.know_a_user(given)
    assert given == {"USER": "somebody", "HOME": "/somewhere"}


def test_a_home_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    environment = {"MPLCONFIGDIR": "mine"}
    surroundings.have_a_cache(environment)
    assert Path(environment["NUMBA_CACHE_DIR"]).is_dir() and environment["MPLCONFIGDIR"] == "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    nothing = {}
    surroundings.have_a_cache(nothing)
    assert nothing == {}


def test_settings_of_other_projects_are_not_ours(tmp_path):
    (tmp_path / ".keras").mkdir()
    theirs = {"backend": "jax", "floatx": "float64", "epsilon": 0.1}
    theirs["image_data_format"] = "channels_first"
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(theirs))
    code = (
        "import ada.layers, keras; c = keras.config; "
        "print(c.backend(), c.floatx(), c.epsilon(), c.image_data_format())"
    )
    environment = os.environ | {"HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    environment.pop("KERAS_HOME", None)
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout == "tensorflow float32 1e-07 channels_last\n"


def test_names_in_errors_are_one_line_without_control_characters():
    harmful, shown = "a\x1b]0;x\x07b\nError: c", "a\\x1b]0;x\\x07b\\nError"
    line = refuses("ada.describe", f"--run_dir={harmful}", said=shown)
    assert line.isprintable()


def test_streams_are_as_before(tmp_path):
    before = sys.stdout, sys.stderr
    run_here("ada.describe", "--gin_file=nothing.gin")
    assert (sys.stdout, sys.stderr) == before and not isinstance(sys.stdout, Forgiving)


def test_a_current_directory_that_is_gone_is_named(tmp_path):
    """Where the output is relative; elsewhere the command works."""
    directory = tmp_path / "gone"
    directory.mkdir()
    command = [sys.executable, "-m", "ada.sample", "--pretrained=piano_hop64", "--output_dir=out"]
    process = subprocess.run(
        ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", str(directory), *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "started in is gone" in process.stderr.splitlines()[-1]


def test_folders_of_the_same_names_are_not_taken_for_the_packages(tmp_path):
    """As in the folder above a clone, which has `ada/runs/` and others in it."""
    for name in ("ada/runs", "ada/data", "gin"):
        (tmp_path / name).mkdir(parents=True)
    code = "import ada.runs.chain, gin; print(ada.__file__, gin.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert str(tmp_path) not in process.stdout
