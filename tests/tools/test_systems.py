"""The table of all systems, on a scale of seconds."""

import json
from pathlib import Path

import pytest
from support import MICRO, run

from tools.systems_report import PAPER

SYSTEMS = ["hop64_vqvae", "nsynth"]
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
        f"--data_dir={root / 'data'}",
        f"--run_dir={root / 'systems'}",
        f"--systems={','.join(SYSTEMS)}",
        "--num_samples=1",
        "--duration_secs=0.1",
    ]
    process = run("tools.systems", *args)
    assert process.returncode == 0, process.stderr
    return root / "systems", process, args


def test_there_is_a_row_for_every_system_and_every_plain_autoencoder(finished):
    root, process, _ = finished
    rows = json.loads((root / "results.json").read_text())
    assert [row["name"] for row in rows] == ["hop64_vqvae", "hop64_vqvae_plain", "nsynth"]
    by_name = {row["name"]: row for row in rows}
    for name in SYSTEMS:
        row = by_name[name]
        assert row.keys() >= KEYS
        assert row["system"] == PAPER[name].title
        assert row["wavs"], name
        assert all(Path(wav).exists() for wav in row["wavs"])
        assert row["system"] in process.stdout
    two = by_name["hop64_vqvae"]
    # Kernel 2, three stacks of three layers: 22 steps; the top model's field times the hops.
    assert two["rf_ms"] == pytest.approx(22 * 64 / 16)
    assert two["levels"] == 2
    assert len(two["perplexity"]) == len(two["rolled_codes_cost_bits"]) == 1
    assert two["total_bits"] == pytest.approx(
        two["reconstruction_bits"] + two["code_bits_per_sample"]
    )
    nsynth = by_name["nsynth"]
    assert nsynth["total_bits"] is None
    assert nsynth["generation_realtime_factor"] is None
    assert nsynth["reconstruction_bits"] > 0


def test_autoencoders_are_compared_with_plain_ones(finished):
    root, _, _ = finished
    rows = json.loads((root / "autoencoders.json").read_text())
    assert [row["autoencoder"] for row in rows] == ["hop64_vqvae", "hop64_vqvae, plain"]
    results = json.loads((root / "results.json").read_text())
    assert rows[0]["total_bits"] == results[0]["total_bits"]
    assert rows[1]["total_bits"] is None


def test_the_page_has_the_table_and_the_clips(finished):
    root, _, _ = finished
    html = (root / "page.html").read_text()
    assert html.count("<audio") == 3  # one generated; NSynth reconstructs two
    assert "3.54 ± 0.18" in html
    assert (root / "results.md").read_text().count("\n") == (2 + 3) + 1 + (2 + 2)


def test_plain_settings_have_no_remedies(finished):
    root, _, _ = finished
    model = json.loads((root / "plain" / "hop64_vqvae" / "model.json").read_text())["config"]
    assert model["local_model"]["config"]["input_replacement"] == 0.0
    assert model["quantizer"]["config"]["warmup_steps"] == 0
    model = json.loads((root / "levels" / "hop64_vqvae" / "model.json").read_text())["config"]
    assert model["local_model"]["config"]["input_replacement"] > 0.0


def test_run_again_it_trains_nothing(finished):
    _, _, args = finished
    again = run("tools.systems", *args)
    assert again.returncode == 0, again.stderr
    assert "] python -m" not in again.stderr


def test_an_unknown_system_is_wrong_usage(tmp_path):
    process = run("tools.systems", "--systems=hop9", f"--run_dir={tmp_path}")
    assert process.returncode == 2
    assert "hop9" in process.stderr
