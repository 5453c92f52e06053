"""Every command of the README and the manual runs, in their order, on small settings."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support import MICRO, ROOT, run

# `ada.pipeline` says with 1 that codes of a few steps are dead.
ALLOWED = {"ada.pipeline": (0, 1)}
PREPARED = {"ada.train", "ada.pipeline"}
SHORT = [
    *("--gin_param=NUM_STEPS=2", "--gin_param=PRIOR_STEPS=2", "--gin_param=BATCH_SIZE=1"),
    *("--gin_param=CROP_STEPS=2048", "--gin_param=PRIOR_CROP_STEPS=256"),
    *("--gin_param=train.jit_compile=False", "--gin_param=Intervals.audio_secs=0.05"),
]
# The same of piano_notes, whose receptive fields are longer than the music here.
NOTES = [
    *(*SHORT, "--gin_param=CROP_STEPS=4096", "--gin_param=PRIOR_CROP_STEPS=512"),
    "--gin_param=train.allow_short_crops=True",
]
SHORT_CLIPS = ["--num_samples=1", "--duration_secs=0.25"]

PAGES = ("README.md", "ada/README.md", "tools/README.md", "CONTRIBUTING.md")


def blocks(language, pages=PAGES):
    """What stands in all fenced blocks of a language."""
    text = "".join((ROOT / page).read_text() for page in pages)
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def commands(pages):
    """The lines of all ```bash blocks, continuation lines joined."""
    text = "".join(blocks("bash", pages)).replace("\\\n", " ")
    return [line for line in text.splitlines() if line]


def run_commands(pages, directory):
    """Runs all commands of pages in their order, in one directory; returns their modules."""
    found = [shlex.split(command) for command in commands(pages)]
    for command in found:
        assert command[:2] == ["python", "-m"], command
        extra = [flag for flag in MICRO if "tiny.gin" not in flag] if command[2] in PREPARED else []
        if any("=piano_hop64/" in flag for flag in command):
            extra = SHORT  # of the pretrained sizes
        if any("init_from=piano_notes" in flag for flag in command):
            extra = NOTES + SHORT_CLIPS * (command[2] == "ada.pipeline")
        if command[2] == "ada.tune":
            extra = ["--minutes=0.1"]
        if any("pretrained=" in flag for flag in command):
            extra = SHORT_CLIPS
        process = run(*command[2:], *extra, cwd=directory)
        assert process.returncode in ALLOWED.get(command[2], (0,)), (command, process.stderr)
    return {command[2] for command in found}


def test_every_command_of_the_readme_runs(music, tmp_path):
    shutil.copytree(music, tmp_path / "music" / "album")
    modules = run_commands(PAGES[:1], tmp_path)
    assert modules == {"ada.pipeline", "ada.sample", "ada.tune"}
    assert (tmp_path / "runs" / "mine" / "page.html").exists()
    assert (tmp_path / "runs" / "music" / "page.html").exists()
    assert len(list((tmp_path / "out_piano").glob("piano_notes-new-seed*.wav"))) == 1


@pytest.mark.long
def test_every_command_of_all_pages_runs(music, tmp_path):
    """Some forty commands after each other, because each needs what those before it made."""
    shutil.copytree(music, tmp_path / "music" / "album")
    run_commands(PAGES, tmp_path)
    # Sampled as piano_notes is.
    report = json.loads((tmp_path / "runs/tuned_at_once/samples/sample.json").read_text())
    assert [draws["top_p"] for draws in report["draws"]] == [1.0, 0.9]
    [example] = blocks("python")
    process = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "7680 (2, 320)"


def test_everything_that_they_name_is_there():
    for page in PAGES:
        text = (ROOT / page).read_text()
        for path in re.findall(r"`((?:ada|gin|data_prep|tools|tests)/[\w./]+)`", text):
            assert (ROOT / path).exists(), (page, path)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            linked = (ROOT / page).parent / path if path else ROOT / page
            assert linked.exists(), (page, target)
            if anchor:
                titles = re.findall(r"(?m)^#+ (.*)$", linked.read_text())
                known = {
                    re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles
                }
                assert anchor in known, (page, target)


def test_every_module_that_they_run_is_there():
    for page in PAGES:
        for module in re.findall(
            r"python\s+-m\s+((?:ada|tools|data_prep)[\w.]*\w)", (ROOT / page).read_text()
        ):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
