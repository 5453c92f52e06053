"""`python -m ada.evaluate`: systems side by side, on audio that they were not trained on."""

import csv
import json

import accessibility
import numpy as np
import pytest
import soundfile
from support import refuses, run, run_here, write_run

from ada.audio import read_audio, write_wav
from ada.evaluation import comparison, tagger, transcription
from ada.evaluation.comparison import Options, compare
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.quantizers import VectorQuantizer
from ada.utils.errors import UserError
from ada.utils.made import mark


@pytest.fixture(scope="module")
def data(music, tmp_path_factory):
    """Three files of 10 s: heard by the tagger, and with lags of 8 s."""
    root = tmp_path_factory.mktemp("long")
    pieces = [read_audio(str(path), 16000) for path in sorted(music.glob("*.wav"))]
    for number in range(3):
        long = np.concatenate(np.roll(pieces * 2, number, axis=0)[:5])
        write_wav(str(root / "music" / f"{number}.wav"), long, 16000)
    prepare(str(root / "data"), AudioOptions((str(root / "music"),)))
    return root / "data"


@pytest.fixture(scope="module")
def runs(make_wavenet, make_autoencoder, tmp_path_factory):
    """Runs of random weights by name: a prior above an autoencoder, and a WaveNet."""
    root = tmp_path_factory.mktemp("runs")
    level1 = write_run(root / "level1", make_autoencoder(quantizer=VectorQuantizer(7, 3)), 16000)
    (root / "level1" / "sampling.json").write_text('{"top_p": 0.9}')
    return {
        "level1": level1,
        "prior": write_run(root / "prior", make_wavenet(seed=1), 16000, level1),
        "wavenet": write_run(root / "wavenet", make_wavenet(), 16000),
    }


@pytest.fixture(scope="module")
def compared(data, runs, tmp_path_factory):
    """Flags, the process and the directory of an evaluation of both."""
    where = tmp_path_factory.mktemp("compared") / "evaluation"
    flags = [
        f"--run_dirs={runs['prior']},{runs['level1']}",
        f"--run_dirs={runs['wavenet']}",
        "--names=codes,=plain",
        f"--data_dir={data}",
        f"--output_dir={where}",
        "--num_samples=2",
        "--duration_secs=8.5",
        "--temperature=0.95",
    ]
    process = run("ada.evaluate", *flags)
    assert process.returncode == 0, process.stderr
    return flags, process, where


@pytest.fixture
def systems(compared):
    return json.loads((compared[2] / "evaluation.json").read_text())["systems"]


def test_every_step_of_every_file_counts(systems):
    for system in systems:
        for level in system["levels"]:
            steps = sum(file["steps"] for file in level["files"])
            bits = sum(file["steps"] * file["bits_per_step"] for file in level["files"])
            assert bits / steps == pytest.approx(level["bits_per_step"], rel=1e-6)
        bits = sum(level["bits_per_sample"] for level in system["levels"])
        assert system["total_bits"] == pytest.approx(bits)
    prior, level1 = systems[0]["levels"]
    assert prior["unigram_bits"] > 0
    assert (prior["files"][0]["steps"], level1["files"][0]["steps"]) == (40000, 160000)


def test_reconstructions_and_clips_are_compared_with_real_audio(compared, systems):
    codes, plain = systems
    [distances] = codes["reconstruction"]
    assert distances["levels"] == 1
    assert 0 < distances["log_mel_db"] < 100
    assert "reconstruction" not in plain
    for made in (codes["generated"], plain["generated"]):
        assert (made["clips"], made["clip_secs"], made["compared_secs"]) == (2, 8.5, 8.5)
        assert made["real_time_factor"] > 0
        if tagger.is_installed():
            assert 0 <= made["fad_real"] < made["fad"] < 1e4
            assert made["fad_error"] is made["fad_corrected"] is None  # of two clips
        assert made["structure"] is made["structure_real"] is None  # clips of 8.5 s
        # The audio is not what the models were trained on: nothing to have learnt by heart.
        assert made["memorisation"] is made["near_copies"] is None
    for said in ("memorisation is not measured", "near-copies are not looked for: "):
        assert said in compared[1].stderr
    assert "structure is not measured: it takes clips of 16 s" in compared[1].stderr


def test_values_of_runs_are_used_unless_flags_say_otherwise(compared, systems):
    """Of the bottom, whose file states top_p, for reconstructions and for generated clips."""
    codes, plain = systems
    expected = [(0.95, 1.0), (0.95, 0.9)]
    for draws in (codes["draws"], codes["generated"]["draws"]):
        assert [(d["temperature"], d["top_p"]) for d in draws] == expected
    assert [(d["temperature"], d["top_p"]) for d in plain["generated"]["draws"]] == [(0.95, 1.0)]
    assert "level1 temperature 0.95 (flag), top_k 0, top_p 0.9 (sampl" in compared[1].stdout


def test_tables_and_clips_are_files(compared, systems):
    _, _, where = compared
    with (where / "systems.csv").open() as file:
        rows = list(csv.DictReader(file))
    # No spreadsheet takes a name for a formula.
    assert [row["system"] for row in rows] == ["codes", "'=plain"]
    assert float(rows[0]["total_bits"]) == systems[0]["total_bits"]
    with (where / "files.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    for name in ("generated_1", "original_0", "reconstruction_0"):
        assert soundfile.info(where / "clips" / "codes" / f"{name}.wav").frames > 0
    page = (where / "page.html").read_text()
    assert page.count("<audio") == 2 + 4 + 2
    for said in ("Systems side by side", "Frechet", "higher is better", "codes: level1"):
        assert said in page


def test_notes_are_measured_where_the_transcriber_is_installed(compared, systems):
    _, process, where = compared
    if not transcription.is_installed():
        assert process.stderr.count("notes are not measured: ") == 2
        assert not any("notes" in system for system in systems)
        return
    codes, plain = (system["notes"] for system in systems)
    assert codes["mu_law"]["note_f1"]["mean"] > codes["reconstruction"][0]["note_f1"]["mean"]
    assert "reconstruction" not in plain
    for notes in (codes, plain):
        assert notes["real"]["notes_per_sec"]["clips"] == 1  # one file is in the split
        assert notes["generated"]["notes_per_sec"]["clips"] == 2
        assert "key_kept" in notes["controls"]["other_clip"]
    with (where / "notes.csv").open() as file:
        found = {(row["system"], row["of"], row["measure"]) for row in csv.DictReader(file)}
    assert ("codes", "reconstruction_1", "note_f1") in found
    assert "clip,onset_secs" in (where / "clips" / "codes" / "notes.csv").read_text()
    assert "notes kept, mu-law alone (ceiling): note F1" in process.stdout
    page = (where / "page.html").read_text()
    assert page.count('<div class="roll">') == page.count("<audio")


def test_its_page_is_accessible_and_nothing_is_cut_off(compared, browser):
    accessibility.check_file(browser, compared[2] / "page.html")


def test_a_new_page_plays_nothing_of_the_one_before(compared):
    flags, _, where = compared
    again = run_here("ada.evaluate", *flags[1:2], "--names==plain", *flags[3:5], "--num_samples=0")
    assert again.returncode == 0, again.stderr
    assert "<audio" not in (where / "page.html").read_text()


def test_names_that_cannot_be(runs):
    one = f"--run_dirs={runs['wavenet']}"
    for flags, message in (
        (["--names=a,b"], "--names: 2 given, of 1"),
        (["--names=.."], "names of folders"),
        (["--names=a/b"], "names of folders"),
        ([one], "tell them apart by --names=one,other"),
    ):
        refuses("ada.evaluate", one, *flags, code=2, said=message)


def test_clips_of_others_stay(tmp_path):
    """Those of an earlier evaluation go, with and without markers; others stay, or are refused."""
    clips = tmp_path / "clips" / "a"
    clips.mkdir(parents=True)
    ours, theirs = clips / "generated_7.wav", clips / "song.wav"
    for path in (ours, theirs):
        path.write_text("sound")
    with pytest.raises(UserError, match="clips was not made by ada.evaluate"):
        compare([], Options(), str(tmp_path))
    with pytest.raises(UserError, match="generated_7.wav was not made by ada.evaluate"):
        comparison._clear(clips)
    # An evaluation of before there were markers.
    comparison.write_evaluation(tmp_path / "evaluation.json", "test", [])
    compare([], Options(), str(tmp_path))
    comparison._clear(clips)
    assert not ours.exists() and theirs.exists()
    mark(clips, comparison.COMMAND, ["original_0.wav"])
    for name in ("original_0.wav", "original_1.wav"):
        (clips / name).write_text("sound")
    with pytest.raises(UserError, match="original_1.wav was not made"):
        comparison._clear(clips)
    assert theirs.exists() and (clips / "original_1.wav").exists()
