"""The main job, end to end, on a scale of seconds; every command of a chain is run by it."""

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
from support import MICRO, run

SYSTEM = "gin/systems/hop64_vqvae.gin"
NUMBERS = [
    "num_codes",
    "perplexity",
    "reconstruction_bits",
    "code_bits_per_sample",
    "total_bits",
    "bits_without_codes",
    "rolled_codes_cost_bits",
    "steps",
    "seconds",
    "wavs",
    "page",
]


@pytest.fixture(scope="module")
def finished(music, tmp_path_factory):
    """A finished pipeline: its directory, its process, its arguments."""
    out = tmp_path_factory.mktemp("pipeline") / "run"
    args = [
        f"--gin_file={SYSTEM}",
        *MICRO,
        "--baseline",
        f"--input_audio_filepatterns={music}",
        f"--run_dir={out}",
        "--num_samples=2",
        "--duration_secs=0.25",
        "--seed=1",
    ]
    return out, run("ada.pipeline", *args), args


def test_it_makes_audio_numbers_and_a_page(finished):
    out, process, _ = finished
    # Codes of six steps are dead, which the pipeline must say, with advice.
    assert process.returncode == 1, process.stderr
    assert "INPUT_REPLACEMENT" in process.stderr or "CODEBOOK_WARMUP_STEPS" in process.stderr
    summary = json.loads((out / "summary.json").read_text())
    for name in NUMBERS:
        assert summary[name] is not None, name
    assert summary["total_bits"] == pytest.approx(
        summary["reconstruction_bits"] + summary["code_bits_per_sample"]
    )
    assert len(summary["wavs"]) == 2
    for path in summary["wavs"]:
        with wave.open(path) as file:
            assert (file.getframerate(), file.getnframes()) == (16000, 4000)
    html = Path(summary["page"]).read_text()
    assert html.count("<audio") >= 6
    assert not re.search(r"(src|href)=[\"']?https?:", html)


def test_run_again_it_skips_what_is_done(finished):
    out, first, args = finished
    stages = re.findall(r"^\[(\w+)\] python", first.stderr, re.M)
    assert stages == [
        "hop64_vqvae",
        "hop64_vqvae_codes",
        "prior_hop64",
        "samples",
        "evaluation",
        "baseline",
        "baseline_evaluation",
    ]
    before = (out / "samples" / "sample_000.wav").read_bytes()
    again = run("ada.pipeline", *args)
    assert re.findall(r"^\[(\w+)\] is done", again.stderr, re.M) == stages
    assert (out / "samples" / "sample_000.wav").read_bytes() == before


def test_the_same_seed_gives_the_same_audio_whatever_the_number_of_samples(finished, tmp_path):
    out, _, _ = finished
    process = run(
        "ada.sample",
        f"--run_dirs={out / 'prior_hop64'},{out / 'hop64_vqvae'}",
        "--num_samples=1",
        "--duration_secs=0.25",
        "--seed=1",
        f"--output_dir={tmp_path}",
    )
    assert process.returncode == 0, process.stderr
    expected = (out / "samples" / "sample_000.wav").read_bytes()
    assert (tmp_path / "sample_000.wav").read_bytes() == expected
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["level1"].shape[0] == 1


@pytest.mark.parametrize(
    ("module", "args", "code", "message"),
    [
        ("ada.sample", ["--run_dirs={out}/hop64_vqvae"], 1, "put a prior above it"),
        ("ada.sample", ["--run_dirs={out}/prior_hop64"], 1, "must model audio"),
        ("ada.sample", ["--run_dirs={out}/nothing"], 1, "not a run directory"),
        (
            "ada.sample",
            ["--run_dirs={out}/hop64_vqvae,{out}/prior_hop64"],
            1,
            "must model audio",
        ),
        (
            "ada.sample",
            ["--run_dirs={out}/prior_hop64,{out}/hop64_vqvae", "--temperature=1,1,1"],
            2,
            "give one value or 2",
        ),
        ("ada.sample", ["--run_dirs=x", "--duration_secs=-1"], 2, "duration_secs"),
        ("ada.extract_codes", ["--output_dir=x"], 2, "run_dir"),
        ("ada.extract_codes", ["--run_dir={out}/baseline", "--output_dir={tmp}"], 1, "codes"),
        ("ada.evaluate", ["--run_dirs={out}/nothing"], 1, "not a run directory"),
    ],
)
def test_bad_input_is_one_clear_line(finished, tmp_path, module, args, code, message):
    out, _, _ = finished
    process = run(module, *(a.format(out=out, tmp=tmp_path / "codes") for a in args))
    assert process.returncode == code
    assert message in process.stderr
    assert "Traceback" not in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1, process.stderr


def test_describe_a_run(finished):
    out, _, _ = finished
    process = run("ada.describe", f"--run_dir={out / 'hop64_vqvae'}")
    assert process.returncode == 0, process.stderr
    assert "code rate: 250 a second, 2000 bits/s" in process.stdout
