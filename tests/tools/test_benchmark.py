"""Every benchmark runs and writes what it measured."""

import json

import pytest
from support import refuses, run

from tools.benchmarks.refusals import KINDS

NARROW = ("RESIDUAL_CHANNELS=4", "SKIP_CHANNELS=4", "train.allow_short_crops=True")
SMALL = {"throughput": (*NARROW, "CROP_STEPS=256"), "learning": (*NARROW, "CROP_STEPS=256")}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("input", ["batches_per_second", "samples_per_second"]),
        ("preparation", ["real_time_factor", "busy", "processors"]),
        (
            "training",
            ["precision", "path", "formulation", "samples_per_second", "gmac_per_second"]
            + ["limit_gmac_per_second", "chosen"],
        ),
        ("memory", ["measured_mib", "estimated_mib", "secs_per_step"]),
        ("throughput", ["samples_per_second", "projected_samples_per_second", "memory_gib"]),
        ("learning", ["seconds", "steps", "samples_per_second", "bits"]),
        (
            "generation",
            ["residual_channels", "skip_channels", "streams", "path", "samples_per_second"]
            + ["limit_samples_per_second", "what", "seconds", "real_time_factor"],
        ),
        ("playing", ["system", "clip", "when", "first_sound_secs", "all_secs"]),
        ("refusals", ["command", *KINDS]),
        ("serving", ["model", "loops", "megabytes", "signature", "latency_ms", "first_ms"]),
    ],
)
def test_benchmark_measures(name, columns, tmp_path):
    out = tmp_path / "results.json"
    small = ["--runs=1", "--sizes=4x4", "--precisions=float32", "--budget_secs=1"]
    small += [f"--gin_param={binding}" for binding in SMALL.get(name, ())]
    process = run("tools.benchmark", name, *small, f"--json={out}")
    assert process.returncode == 0, process.stderr
    results = json.loads(out.read_text())
    assert results
    for result in results:
        for column in columns:
            assert result[column], (column, result)


@pytest.mark.long
def test_the_estimate_of_memory_holds_with_micro_batches():
    """Two of them take what one takes."""
    args = ["--gin_file=gin/large_wavenet.gin", "--crop_steps=8192", "--batch_size=2"]
    bindings = ["RESIDUAL_CHANNELS=64", "SKIP_CHANNELS=128", "ACCUMULATION_STEPS=2"]
    process = run("tools.fields.memory", *args, *(f"--gin_param={b}" for b in bindings))
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert 0.75 < found["estimated_bytes"] / found["bytes"] < 1.25


@pytest.mark.parametrize(
    "args", [[], ["nonsense"], ["training", "--runs=0"], ["training", "--sizes=4"]]
)
def test_wrong_usage(args):
    refuses("tools.benchmark", *args, code=2)
