"""Each missing package is named with its extra, in one line."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, refuses

from ada.audio import write_wav
from ada.utils import extras
from ada.utils.errors import UserError


@pytest.fixture
def lacking(monkeypatch):
    """A function that makes a package missing, for modules of ours that import it, too."""

    def lack(package):
        for name in list(sys.modules):
            if name.split(".")[0] == package or name.startswith(
                ("ada.playing", "ada.web", "ada.listening.", "ada.preparation.beam")
            ):
                monkeypatch.delitem(sys.modules, name)
                parent, _, child = name.rpartition(".")
                if parent in sys.modules:  # `from parent import child` finds it there
                    monkeypatch.delattr(sys.modules[parent], child, raising=False)
        monkeypatch.setitem(sys.modules, package, None)

    return lack


@pytest.mark.parametrize(
    ("package", "extra", "command"),
    [
        ("flask", "play", ["ada.play", "--nobrowser"]),
        ("waitress", "play", ["ada.play", "--nobrowser"]),
        ("flask", "listen", ["ada.listen", "serve", "--samples={music}"]),
        ("ray", "pbt", ["ada.pbt", "--gin_file=gin/level2_vqvae.gin"]),
        ("mido", "scores", ["ada.render_scores", "--scores={music}"]),
        ("music21", "scores", ["ada.render_scores", "--scores={music}"]),
        (
            "apache_beam",
            "beam",
            ["ada.prepare_audio", "--runner=beam", "--input_audio_filepatterns={music}/a"],
        ),
        ("tensorflow_serving", "serving", ["ada.export", "--pretrained=piano_wavenet"]),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package, extra, command, lacking, tmp_path):
    write_wav(tmp_path / "a" / "a.wav", np.zeros(8000, np.float32), 8000)
    lacking(package)
    command = [part.format(music=tmp_path) for part in command]
    if command[0] not in ("ada.play", "ada.listen", "ada.pbt"):
        command.append(f"--output_dir={tmp_path / '1'}")
    if command[0] == "ada.play":
        command.append(f"--output_dir={tmp_path / 'clips'}")
    line = refuses(*command, said=f"pip install -e '.[{extra}]'", after_others=True)
    assert package.replace("_", "-") in line.replace("_", "-")


def test_extras_that_are_named_exist():
    calls = r"""(?:-e '\\?\.\[|needed\("|require\("|how_to_install\(['"])(\w+)"""
    named = set()
    for path in Path(ROOT, "ada").rglob("*.py"):
        named |= set(re.findall(calls, path.read_text()))
    named -= {"extra"}
    setup = Path(ROOT, "setup.py").read_text()
    assert named >= {"play", "listen", "pbt", "scores", "beam", "serving", "notes", "eval"}
    for extra in named:
        assert re.search(rf'^    "{extra}": ', setup, re.M), extra


def test_several_packages_and_parts_of_them():
    assert extras.how_to_install("x", "a", "b").startswith("a and b are not installed: ")
    with pytest.raises(UserError, match=r"^nowhere is not installed: .* -e '\.\[x\]'\.$"):
        extras.require("x", "sys", "nowhere")
    with pytest.raises(UserError, match=r"^nowhere is not installed"), extras.needed("x"):
        import nowhere.inside  # noqa: F401
