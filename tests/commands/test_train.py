"""`python -m ada.train`: what is refused and how, and a start without any noise."""

import shlex
import subprocess
import sys

import pytest
from support import MICRO, ROOT, refuses, run, run_here

from ada.preparation import bundled

HOP64 = "--gin_file=gin/hop64_vqvae.gin"


def test_a_name_that_the_model_does_not_use_is_said(tmp_path):
    data, run_dir = tmp_path / "data", tmp_path / "run"
    bundled.prepare_bundled(str(data))
    args = [*MICRO, "--gin_param=NUM_STEPS=3", f"--data_dir={data}", f"--run_dir={run_dir}"]
    process = run_here("ada.train", HOP64, *args, "--gin_param=THIN_CHANNELS=4")
    assert process.returncode == 0, process.stderr
    [line] = [line for line in process.stderr.splitlines() if "does not use" in line]
    assert "THIN_CHANNELS" in line and "LEVEL2_STEPS" in line and "NUM_STEPS:" not in line


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--nonsense"], 2, "Unknown command line flag"),
        (["word"], 2, "unexpected argument"),
        ([], 2, "--gin_file is needed"),
        (["--gin_file=gin/nothing.gin"], 1, "hop64_vqvae.gin"),
        ([HOP64, "--gin_param=NUM_STPES=3"], 1, "no file knows NUM_STPES"),
        ([HOP64, "--gin_param=ArgmaxQuantizer.epsilon=1.0"], 1, "nothing uses"),
        ([HOP64, "--gin_param=CROP_STEPS=1024"], 1, "receptive field of 2047 plus one"),
        ([HOP64, "--gin_param=CROP_STEPS=8200"], 1, "multiple of the hop, 64"),
        ([HOP64, "--gin_param=STRATEGY='many'"], 1, "one_device, mirrored"),
        ([HOP64, "--data_dir=/nothing/here"], 1, "/nothing/here"),
        (["--gin_file=gin/prior_hop64.gin"], 1, "ada.extract_codes"),
        ([HOP64, "--gin_param=CODEBOOK_WARMUP_STEPS=1000000"], 1, "leaves nothing of 500000"),
        ([HOP64, "--init_from=/nothing/here"], 1, "not a run directory"),
    ],
)
def test_bad_input_is_one_clear_line(args, code, message, tmp_path):
    flags = [*args, f"--run_dir={tmp_path / 'run'}"]
    refuses("ada.train", *flags, code=code, said=message, after_others=True)
    assert not (tmp_path / "run").exists()


def test_help_shows_the_flags():
    process = run_here("ada.train", "--help")
    assert process.returncode == 0
    assert "--gin_file" in process.stdout


def test_trains_on_the_bundled_audio_quietly_and_resumes(tmp_path):
    args = [HOP64, *MICRO, f"--run_dir={tmp_path / 'run'}"]
    process = run("ada.train", *args)
    assert process.returncode == 0, process.stderr
    assert "BUNDLED" in process.stderr
    for noise in ("oneDNN", "cuda", "InitializeLog", "Sharding callback"):
        assert noise not in process.stderr, process.stderr
    again = run_here("ada.train", *args)
    assert again.returncode == 0
    assert "is complete: 6 of 6 steps" in again.stderr


def test_help_may_be_read_in_part():
    python = shlex.quote(sys.executable)
    line = f"{python} -m ada.train --help | head -n 1; echo ${{PIPESTATUS[0]}}"
    process = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1] == "0"
    assert process.stderr == ""


def test_later_start_finds_its_inputs():
    code = (
        "import importlib, sys; from importlib.util import find_spec; from ada.cli import commands;"
        "commands.start_tensorflow();"
        "print([name for name in commands._UNUSED if name in sys.modules]);"
        "[importlib.import_module(name) for name in commands._UNUSED if find_spec(name)];"
        "import matplotlib.pyplot"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
