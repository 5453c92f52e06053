"""`python -m data_prep.render_scores` as a user runs it."""

import json
import shutil

import pytest
import soundfile
from support import refuses, run, run_here

from ada.rendering.manifest import NAME

COMMAND = "data_prep.render_scores"


@pytest.fixture(scope="module")
def scores(tmp_path_factory, write_midi, write_musicxml, xml_note, soundfont):
    """Two scores that can be rendered, and two that cannot."""
    folder = tmp_path_factory.mktemp("scores")
    write_midi(folder / "deep/played.mid", [(0, 200, 69, 90), (240, 400, 57, 40)])
    rights = "<identification><rights>© Me</rights></identification>"
    write_musicxml(folder / "written.musicxml", [xml_note("A", 4, 1)], rights)
    (folder / "torn.mid").write_bytes(b"MThd and nothing else")
    (folder / "broken.xml").write_text("<score-partwise>")
    return folder


def render(scores, output_dir, *more, run=run_here):
    done = run(COMMAND, f"--scores={scores}", f"--output_dir={output_dir}", *more)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def contents(directory):
    """The bytes of all files but the lock."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def rendered(scores, tmp_path_factory):
    """All pieces, in one process."""
    output_dir = tmp_path_factory.mktemp("rendered") / "out"
    done = render(scores, output_dir, "--transpose=0,-2", "--jobs=1", run=run)
    assert done.returncode == 0, done.stderr
    return output_dir, done


def test_pieces_are_audio_and_are_listed(rendered):
    output_dir, done = rendered
    header, *lines = (output_dir / NAME).read_text().splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    names = ["deep/played.flac", "deep/played_t-2.flac", "written.flac", "written_t-2.flac"]
    assert [row["file"] for row in rows] == names
    assert [row["notes"] for row in rows] == ["2", "2", "1", "1"]
    assert [row["licence"] for row in rows] == ["", "", "© Me", "© Me"]
    for row in rows:
        info = soundfile.info(output_dir / row["file"])
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert info.duration == pytest.approx(float(row["seconds"]), abs=1e-3)
    assert "© Me" in (output_dir / "LICENSES.md").read_text()
    assert done.stdout.startswith("4 pieces, 0.00 hours in ")


def test_broken_scores_are_skipped_with_a_line_each(rendered, scores):
    _, done = rendered
    skipped = [line for line in done.stderr.splitlines() if "Skipped" in line]
    assert len(skipped) == 2 and "2 scores skipped" in done.stdout
    for line, name in zip(skipped, ["broken.xml", "torn.mid"], strict=True):
        path, reason = line.removeprefix("Warning: Skipped ").split(": ", 1)
        assert path == str(scores / name) and reason


def test_processes_change_no_byte(rendered, scores, tmp_path):
    output_dir, _ = rendered
    assert render(scores, tmp_path / "out", "--transpose=-2,0", "--jobs=2", run=run).returncode == 0
    assert contents(tmp_path / "out") == contents(output_dir)


def test_piece_is_the_same_among_others(rendered, scores, tmp_path):
    output_dir, _ = rendered
    shutil.copy(scores / "written.musicxml", tmp_path)
    assert render(tmp_path, tmp_path / "out").returncode == 0
    name = "written.flac"
    assert (tmp_path / "out" / name).read_bytes() == (output_dir / name).read_bytes()
    assert render(tmp_path, tmp_path / "other", "--seed=1").returncode == 0
    assert (tmp_path / "other" / name).read_bytes() != (output_dir / name).read_bytes()


def test_complete_pieces_are_kept_and_others_rendered_again(rendered, scores, tmp_path):
    original, _ = rendered
    output_dir = shutil.copytree(original, tmp_path / "out")
    # One piece is lost, and the run was killed while it listed another.
    (output_dir / "written.flac").unlink()
    manifest = (output_dir / NAME).read_bytes()
    (output_dir / NAME).write_bytes(manifest[:-4])
    kept = output_dir / "deep/played.flac"
    kept.write_bytes(b"kept as it is")
    done = render(scores, output_dir, "--transpose=0,-2")
    assert done.returncode == 0 and "2 of 8 pieces are complete" in done.stderr
    assert kept.read_bytes() == b"kept as it is"
    shutil.copy(original / "deep/played.flac", kept)
    assert contents(output_dir) == contents(original)


def test_other_settings_are_refused(rendered, scores, tmp_path):
    output_dir = shutil.copytree(rendered[0], tmp_path / "out")
    before = contents(output_dir)
    done = render(scores, output_dir, "--seed=1")
    assert done.returncode == 1 and "with --seed=0, not 1" in done.stderr
    assert contents(output_dir) == before
    settings = json.loads((output_dir / "settings.json").read_text())
    assert settings["sample_rate"] == 16000


def test_nothing_to_render_is_a_failure(scores, tmp_path):
    done = render(scores / "torn.mid", tmp_path / "out")
    assert done.returncode == 1
    assert "torn.mid: " in done.stderr and done.stdout.startswith("0 pieces")


@pytest.mark.parametrize("transpose", ["", "up", "1.5", "0,99"])
def test_wrong_transposition_is_wrong_usage(tmp_path, transpose):
    flags = [f"--scores={tmp_path}", f"--output_dir={tmp_path / 'out'}"]
    refuses(COMMAND, *flags, f"--transpose={transpose}", code=2, said="--transpose")
    assert not (tmp_path / "out").exists()


def test_chorales_are_the_default(soundfont, tmp_path):
    done = run_here(COMMAND, f"--output_dir={tmp_path}/out", "--limit=1")
    assert done.returncode == 0, done.stderr
    [audio] = (tmp_path / "out").glob("*.flac")
    assert audio.name.startswith("bwv") and soundfile.info(audio).duration > 20
    note = (tmp_path / "out/LICENSES.md").read_text()
    assert "public domain" in note and "music21" in note and soundfont.name in note
