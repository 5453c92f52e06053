"""The table of measures, on a scale of seconds."""

import json

import pytest
from support import MICRO, refuses, run

from tools.anti_collapse import VARIANTS
from tools.autoencoders import collapsed_at


@pytest.mark.long
def test_every_variant_has_a_row(music, tmp_path):
    names = ["all measures", "no restarts"]
    process = run(
        "tools.ablation",
        *MICRO[1:],  # gin/tiny.gin is its own
        "--models=hop64_vqvae",
        f"--variants={','.join(names)}",
        f"--run_dir={tmp_path}",
    )
    assert process.returncode == 0, process.stderr
    rows = json.loads((tmp_path / "ablation.json").read_text())
    assert [row["autoencoder"] for row in rows] == [f"hop64_vqvae: {name}" for name in names]
    for row in rows:
        assert row["perplexity"] >= 1.0
        assert row["reconstruction_bits_per_step"] > 0.0
        assert row["zero_queries"] is None
        assert f"| {row['autoencoder']} | " in process.stdout
    with_restarts, without = (
        (tmp_path / row["run_dir"] / "operative.gin").read_text() for row in rows
    )
    assert "RESTART_EVERY = 20" in with_restarts
    assert "RESTART_EVERY = 0" in without


def test_unknown_names_are_wrong_usage(tmp_path):
    flags = ["--variants=no_restarts", f"--run_dir={tmp_path}"]
    refuses("tools.ablation", *flags, code=2, said="no_restarts")
    assert not (tmp_path / "ablation.json").exists()


def test_variants_differ_from_each_other():
    assert len({(model, changes) for model, _, changes in VARIANTS}) == len(VARIANTS)
    # A comma would part a name in --variants.
    assert not any("," in name for _, name, _ in VARIANTS)


def test_a_collapse_counts_from_where_it_stays(tmp_path):
    def logged(*perplexities):
        lines = [
            {"step": 10 * i, "codebook/active": 1.0, "codebook/perplexity": value}
            for i, value in enumerate(perplexities)
        ]
        lines.insert(1, {"step": 3, "split": "validation", "codebook/perplexity": 1.0})
        path = tmp_path / "metrics.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return collapsed_at(str(tmp_path), 256)

    assert logged(200.0, 3.0, 90.0, 80.0) is None
    assert logged(200.0, 3.0, 90.0, 2.0, 1.0) == 30
    assert logged(1.0, 1.0) == 0
