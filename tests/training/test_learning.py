"""The loop learns what there is to learn, and nothing more."""

import json

import pytest

from ada.models import WaveNet
from ada.training import Intervals, Optimization, TrainingSettings, train

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@pytest.fixture(scope="module")
def bits_by_precision(markov_dataset, tmp_path_factory):
    directory = tmp_path_factory.mktemp("learning")
    return {p: learn(p, markov_dataset, directory / p) for p in PRECISIONS}


def test_learns_an_order_2_markov_source_to_its_entropy_rate(bits_by_precision):
    entropy_rate = 1.356780
    assert abs(bits_by_precision["float32"] - entropy_rate) < 0.05


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_half_precision_learns_as_much(precision, bits_by_precision):
    assert abs(bits_by_precision[precision] - bits_by_precision["float32"]) < 0.02


def learn(precision, dataset, run_dir):
    """Bits a code of the validation split after 300 steps."""

    def model():
        return WaveNet(4, 1, 2, 2, 16, 32, ordinal_classes=False)

    settings = TrainingSettings(
        model=model,
        num_steps=300,
        batch_size=8,
        crop_steps=256,
        kind="codes",
        optimization=Optimization(1e-2, "cosine", 10, polyak_decay=0.98),
        intervals=Intervals(log=100, validate=300, save=300),
        precision=precision,
    )
    train(settings, str(run_dir), dataset)

    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["bits"] for line in lines if '"validation"' in line][-1]
