"""A system of three levels, end to end, on a scale of seconds."""

import json
import wave

import numpy as np
import pytest
from support import MICRO, run


def test_three_levels_make_audio(music, tmp_path):
    """A VQ-VAE, an AMAE on its codes, a prior on the codes of that."""
    out = tmp_path / "run"
    process = run(
        "ada.pipeline",
        "--gin_file=gin/systems/vqvae_amae.gin",
        *MICRO,
        f"--input_audio_filepatterns={music}",
        f"--run_dir={out}",
        "--num_samples=1",
        "--duration_secs=0.25",
    )
    assert process.returncode == 1, process.stderr  # codes of six steps are dead
    assert "Traceback" not in process.stderr
    summary = json.loads((out / "summary.json").read_text())
    levels = json.loads((out / "evaluation.json").read_text())["levels"]
    assert [level["kind"] for level in levels] == ["codes", "codes", "audio"]
    # Per sample of audio: the prior's over 64, the second level's over 8.
    assert summary["total_bits"] == pytest.approx(
        levels[0]["bits_per_step"] / 64
        + levels[1]["bits_per_step"] / 8
        + levels[2]["bits_per_step"]
    )
    with np.load(out / "samples" / "codes.npz") as codes:
        assert (codes["level1"] >= 0).all()
        # A quarter of a second is 500 codes and these 63, and what the modulators look ahead.
        assert codes["level1"].shape[1] == 500 + 7
        assert codes["level2"].shape[1] == -(-507 // 8) + 7
    with wave.open(summary["wavs"][0]) as file:
        assert file.getnframes() == 4000
