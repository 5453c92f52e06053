"""The table of all systems, on a scale of seconds."""

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
from support import MICRO, refuses, run

from ada.evaluation.comparison import read_evaluation
from tools.published import PAPER

pytestmark = pytest.mark.long  # some thirty trainings and evaluations

SYSTEMS = ["hop8_vqvae", "vqvae_amae", "nsynth", "vqvae_pbt_vqvae"]
KEYS = {
    "system",
    "levels",
    "rf_ms",
    "reconstruction_bits",
    "code_bits_per_sample",
    "total_bits",
    "perplexity",
    "generation_realtime_factor",
    "wavs",
}


@pytest.fixture(scope="module")
def finished(music, tmp_path_factory):
    root = tmp_path_factory.mktemp("systems")
    prepared = run(
        "data_prep.prepare_audio",
        f"--input_audio_filepatterns={music}",
        f"--output_dir={root / 'data'}",
        "--runner=in_process",
    )
    assert prepared.returncode == 0, prepared.stderr
    args = [
        *MICRO,
        "--gin_param=POPULATION=2",
        "--gin_param=SEARCH_INTERVAL=3",
        "--gin_param=LEAST_PERPLEXITY=1",  # a search of six steps has a winner
        "--gin_param=LEAST_CODE_COST=None",
        "--gin_param=CROP_STEPS=2048",  # the local models without measures see 1024
        f"--data_dir={root / 'data'}",
        f"--run_dir={root / 'systems'}",
        f"--systems={','.join(SYSTEMS)}",
        "--num_samples=1",
        "--duration_secs=0.1",
    ]
    # Some thirty commands, each of which starts TensorFlow.
    process = run("tools.systems", *args, timeout=1800)
    assert process.returncode == 1, process.stderr  # codes of six steps are dead
    assert "Traceback" not in process.stderr, process.stderr
    return root / "systems", process, args


def test_there_is_a_row_for_every_system_and_every_plain_autoencoder(finished):
    root, process, _ = finished
    rows = json.loads((root / "results.json").read_text())
    by_name = {row["name"]: row for row in rows}
    assert list(by_name) == [
        "hop8_vqvae",
        "hop8_vqvae_plain",
        "vqvae_amae",
        "level2_amae_plain",
        "nsynth",
        "vqvae_pbt_vqvae",
        "level2_vqvae_plain",
    ]
    for name, row in by_name.items():
        assert row.keys() >= KEYS
        assert row["system"] in process.stdout
        assert all(Path(wav).exists() for wav in row["wavs"])
        if not name.endswith("_plain"):
            assert row["system"] == PAPER[name].title
            assert row["wavs"], name
    two, three, nsynth, searched = (by_name[name] for name in SYSTEMS)
    # Kernel 2, three stacks of two layers: 10 steps; the top model's field times the hops.
    assert two["rf_ms"] == pytest.approx(10 * 8 / 16)
    assert three["rf_ms"] == pytest.approx(10 * 64 / 16)
    assert (two["levels"], three["levels"], searched["levels"]) == (2, 3, 3)
    assert (len(two["perplexity"]), len(three["perplexity"])) == (1, 2)
    for row in (two, three, searched):
        assert row["total_bits"] == pytest.approx(
            row["reconstruction_bits"] + row["code_bits_per_sample"]
        )
    assert nsynth["total_bits"] is nsynth["rf_ms"] is nsynth["generation_realtime_factor"] is None
    assert nsynth["reconstruction_bits"] > 0
    # Bits of codes are no bits of audio: they stand in the other table.
    assert by_name["hop8_vqvae_plain"]["reconstruction_bits"] > 0
    assert by_name["level2_amae_plain"]["reconstruction_bits"] is None


def test_systems_share_their_levels(finished):
    _, process, _ = finished
    assert process.stderr.count("hop8_vqvae] python -m") == 2  # the other is without measures
    for command in ("pbt", "train"):  # of the autoencoder, not of the prior on its codes
        assert len(re.findall(rf"\blevel2_vqvae\] python -m ada.{command}", process.stderr)) == 1
    assert "hop8_vqvae] is done" in process.stderr


def test_three_levels_are_what_they_say(finished):
    root, _, _ = finished
    levels = read_evaluation(root / "vqvae_amae" / "evaluation" / "evaluation.json")["levels"]
    assert [level["kind"] for level in levels] == ["codes", "codes", "audio"]
    # Per sample of audio: the prior's over 64, the second level's over 8.
    total = json.loads((root / "vqvae_amae" / "summary.json").read_text())["total_bits"]
    assert total == pytest.approx(
        levels[0]["bits_per_step"] / 64
        + levels[1]["bits_per_step"] / 8
        + levels[2]["bits_per_step"]
    )
    with np.load(root / "vqvae_amae" / "samples" / "codes.npz") as codes:
        assert min(codes[name].min() for name in codes.files) >= 0
        # A tenth of a second is 200 codes and these 25, and what the modulators look ahead.
        assert codes["level1"].shape[1] == 200 + 1
        assert codes["level2"].shape[1] == -(-201 // 8) + 1
    clip = min((root / "vqvae_amae" / "samples").glob("*.wav"))
    with wave.open(str(clip)) as file:
        assert file.getnframes() == 1600


def test_autoencoders_are_compared_with_those_without_measures(finished):
    root, _, _ = finished
    rows = json.loads((root / "autoencoders.json").read_text())
    names = ["hop8_vqvae", "level2_amae", "level2_vqvae"]
    assert [row["autoencoder"] for row in rows] == [
        title for name in names for title in (name, f"{name}, without measures")
    ]
    results = json.loads((root / "results.json").read_text())
    assert rows[0]["total_bits"] == results[0]["total_bits"]
    assert rows[1]["total_bits"] is None
    # Only ReLU has queries that are all zero.
    assert [row["zero_queries"] is None for row in rows] == [True, True, True, False, True, True]
    message = [row["unhealthy_members"] for row in rows]
    assert message[4] in ("0 of 2", "1 of 2")
    assert message.count(None) == 5
    assert (root / "levels" / "level2_vqvae" / "search" / "population.png").exists()


def test_the_page_has_the_tables_and_the_clips(finished):
    root, _, _ = finished
    html = (root / "page.html").read_text()
    assert html.count("<audio") == 5  # one a system; NSynth reconstructs two
    assert html.count("<table") == 2
    assert "3.79 ± 0.16" in html
    assert "no likelihood" in (root / "results.md").read_text()


def test_everything_that_was_measured_stands_side_by_side(finished):
    root, _, _ = finished
    html = (root / "evaluation.html").read_text()
    assert "Systems side by side" in html
    for name in SYSTEMS:
        assert f"Listen: {name}" in html
    rows = {row["name"]: row for row in json.loads((root / "results.json").read_text())}
    for name in SYSTEMS:
        assert float(rows[name]["heard"]["log-mel, dB ↓"]) > 0
        assert rows[name]["heard"]["log-mel, dB ↓"] in (root / "results.md").read_text()


def test_measures_are_off_where_it_says_so(finished):
    root, _, _ = finished

    def setting(folder, level, part, name):
        model = json.loads((root / folder / level / "model.json").read_text())["config"]
        return model[part]["config"].get(name)

    def macro(folder, level, name):
        text = (root / folder / level / "operative.gin").read_text()
        return float(re.search(rf"(?m)^{name} = (.*)$", text)[1])

    for folder, replaced, layers in (("levels", 0.2, 2), ("plain", 0.0, 10)):
        for level in ("hop8_vqvae", "level2_amae"):
            assert macro(folder, level, "INPUT_REPLACEMENT") == replaced
            assert setting(folder, level, "local_model", "layers_per_stack") == layers
    assert macro("levels", "hop8_vqvae", "CODEBOOK_WARMUP_STEPS") == 2
    assert macro("plain", "hop8_vqvae", "CODEBOOK_WARMUP_STEPS") == 0
    assert macro("plain", "hop8_vqvae", "RESTART_EVERY") == 0
    assert setting("levels", "level2_amae", "quantizer", "normalization") == "softmax"
    assert setting("plain", "level2_amae", "quantizer", "normalization") == "relu"


def test_run_again_it_trains_nothing(finished):
    _, _, args = finished
    again = run("tools.systems", *args)
    assert again.returncode == 1, again.stderr
    assert "] python -m" not in again.stderr


def test_an_unknown_system_is_wrong_usage(tmp_path):
    flags = ["--systems=hop9", f"--run_dir={tmp_path}"]
    refuses("tools.systems", *flags, code=2, said="hop9")
