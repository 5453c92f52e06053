"""The folder of samples: one command makes it, whole, with pages whose links lead somewhere."""

import re

import numpy as np
import pytest
import soundfile
from support import refuses

from ada import pretrained
from ada.audio import write_wav
from ada.runs.chain import Chain
from tools import sample_folder
from tools.packing import pack


@pytest.fixture(scope="module")
def folder(make_chain_dirs, tmp_path_factory):
    """Samples of a system of three levels and of one, of random weights."""
    root = tmp_path_factory.mktemp("samples")
    chain_dirs = make_chain_dirs(4000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "_HERE", root / "systems")
        for name, levels in (("toy_notes", 3), ("wave", 1)):
            pack(Chain.open(chain_dirs[levels]), root / "systems" / name)
            card = "These weights are given under the licence [CC BY-SA 4.0](x)."
            (root / "systems" / name / pretrained.CARD).write_text(card)
        tune = 0.5 * np.sin(np.arange(32000) / 20)
        write_wav(root / "tune.wav", tune.astype(np.float32), 16000)
        music, new = [str(root / "tune.wav")], root / "new"
        real = sample_folder.write_real(music, 0.5, new / sample_folder.REAL)
        made = [
            sample_folder.sample_system(name, music, 0.5, 3, new / name, root / "work" / name)
            for name in pretrained.names()
        ]
    sample_folder.write_pages(new, real, made, "a command")
    return new


def test_each_system_has_its_clips(folder):
    sounds = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.mp3"))
    assert sounds == [
        "real/tune.mp3",
        "toy_notes/toy_notes-new-seed3.mp3",
        "toy_notes/tune-continued-seed3.mp3",
        "toy_notes/tune-translated-2-seed3.mp3",
        "wave/tune-continued-seed3.mp3",
        "wave/wave-new-seed3.mp3",
    ]
    for name in sounds:
        assert soundfile.info(folder / name).duration == pytest.approx(0.5, abs=0.15)


def test_links_and_players_lead_to_files(folder):
    html, text = (folder / "index.html").read_text(), (folder / "README.md").read_text()
    players = re.findall(r'<audio [^>]*src="([^"]+)"', html)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(players) == 6 and set(players) < set(links)
    for path in {*players, *links}:
        assert (folder / path).is_file()
    assert text.count("CC BY-SA 4.0") == html.count("CC BY-SA 4.0") == 2
    assert (folder / sample_folder.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_music_of_the_training_data_is_refused(tmp_path):
    known = "data_prep/sample_audio/joplin_solace.ogg"
    said = "joplin_solace.ogg: give other --music"
    refuses("tools.samples", f"--output_dir={tmp_path / 'out'}", f"--music={known}", said=said)
    assert not (tmp_path / "out").exists()
