"""The page of a pipeline: what comes first on it, and piano rolls."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from ada.audio import write_wav
from ada.data.spec import SourceSpec
from ada.evaluation import overlap, transcription
from ada.evaluation.note_files import NOTES, write_notes
from ada.evaluation.notes import notes_of
from ada.systems import report_page
from ada.systems.report import numbers


@pytest.fixture
def page_of(tmp_path, monkeypatch):
    """A function that makes the page of two generated clips and of one pair."""
    split = SimpleNamespace(hours=0.1)
    run = SimpleNamespace(
        info=SimpleNamespace(sample_rate=8000, init_from=None),
        spec=SimpleNamespace(splits={"train": split, "validation": split}),
    )
    monkeypatch.setattr(report_page.Run, "open", lambda directory: run)
    clips = tmp_path / "evaluation" / "clips" / "system"
    wavs = [tmp_path / "samples" / f"sample_{number:03}.wav" for number in range(2)]
    pair = [clips / "original_0.wav", clips / "reconstruction_0.wav"]
    for path in [*wavs, *pair]:
        write_wav(str(path), np.zeros(8000, np.float32), 8000)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text('{"split": "train", "step": 1, "bits": 2.0}\n')
    level = {"run_dir": str(tmp_path / "run"), "usage": [1, 1]}

    def made(notes):
        if notes:
            write_notes(clips / NOTES, {"generated_1": notes_of([(0.1, 0.9, 60)])})
        found = {"name": "system", "levels": [level]}
        rows, run_dirs = [("note F1", "0.50", "of 1")], [level["run_dir"]]
        return report_page.report_page(tmp_path, found, wavs, rows, ["Mind this."], run_dirs)

    return made


def test_players_come_first(page_of):
    html = page_of(notes=True)
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    pairs = "Originals and their reconstructions"
    assert headings == ["Generated", pairs, "Numbers", "Learning", "Code use"]
    titles = re.findall(r"<h3>(.*?)</h3>", html)
    assert titles[:4] == ["generated 0", "generated 1", "original 0", "reconstruction 0"]
    assert report_page.GENERATED in html
    assert "Mind this." in html


def test_clips_have_piano_rolls_where_notes_were_measured(page_of):
    html = page_of(notes=True)
    assert html.count('<div class="roll">') == html.count("<audio") == 4
    assert "generated 1: 1 notes" in html
    assert "There are no piano rolls" not in html


def test_without_the_transcriber_the_page_says_so_once(page_of):
    html = page_of(notes=False)
    assert '<div class="roll">' not in html
    assert html.count("There are no piano rolls: the note transcriber is not installed") == 1
    assert html.count('<div class="spectrogram">') == 4


def test_numbers_begin_with_notes():
    summary = {
        "note_f1": 0.5,
        "note_f1_error": 0.02,
        "note_f1_mu_law": 0.97,
        "notes_per_sec": 5.25,
        "notes_per_sec_real": 6.5,
        "total_bits": None,
        "bits_without_codes": None,
        "real_time_factor": None,
        "seconds": 1.0,
    }
    rows = numbers(summary)
    assert [row[:2] for row in rows[:2]] == [
        ("note F1", "0.50 ± 0.02"),
        ("notes per second", "5.25 ± –"),
    ]
    assert "0.97" in rows[0][2]
    assert "6.50" in rows[1][2]


def test_files_that_an_earlier_run_was_trained_on_are_named(monkeypatch):
    def run(init_from, **splits):
        spec = {
            name: SimpleNamespace(sources=[SourceSpec(key, 1, key, sha256=key) for key in keys])
            for name, keys in splits.items()
        }
        return SimpleNamespace(
            info=SimpleNamespace(init_from=init_from), spec=SimpleNamespace(splits=spec)
        )

    runs = {
        "first": run(None, train="ab", validation="c"),
        "second": run("first", train="d", validation="e"),
    }
    monkeypatch.setattr(overlap.Run, "exists", lambda path: path in runs)
    monkeypatch.setattr(overlap.Run, "open", runs.__getitem__)
    assert overlap.trained_on_before(run("second", train="x", validation="bcde")) == ["b", "d"]
    assert overlap.trained_on_before(run("gone", train="x", validation="b")) == []
    assert overlap.trained_on_before(run(None, train="x", validation="b")) == []
    # The first of two phases is of the same data.
    runs["phase"] = same = run(None, train="a", validation="a")
    own = run("phase", train="a", validation="a")
    own.spec.splits = same.spec.splits
    assert overlap.trained_on_before(own) == []


def test_the_demo_holds_out_what_its_weights_were_not_trained_on():
    """Of bundled files in splits.csv: none that `piano_notes` had in its training split."""
    from ada.preparation.splits import read_maestro_csv
    from ada.runs.run import Run
    from ada.utils.resources import sample_audio_dir

    splits = read_maestro_csv(f"{sample_audio_dir()}/splits.csv")
    known = Run.open("piano_notes/hop64_vqvae").spec.splits["train"].sources
    names = {source.name.rsplit("/", 1)[-1] for source in known}
    held_out = {name for name, split in splits.items() if split != "train"}
    assert len(held_out) == 2
    assert not held_out & names


def test_how_to_install_the_transcriber_is_one_line():
    assert "\n" not in transcription.HOW_TO_INSTALL
