"""The loop learns what there is to learn, and nothing more."""

import json
from pathlib import Path

from ada.models import WaveNet
from ada.training import Intervals, Optimization, TrainingSettings, train


def test_learns_an_order_2_markov_source_to_its_entropy_rate(markov_dataset, tmp_path):
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
    )
    train(settings, str(tmp_path / "run"), markov_dataset)

    lines = (Path(tmp_path) / "run" / "metrics.jsonl").read_text().splitlines()
    bits = [json.loads(line)["bits"] for line in lines if '"validation"' in line][-1]
    entropy_rate = 1.356780
    assert abs(bits - entropy_rate) < 0.05
