"""The loop around the step: early stopping, retention, warnings, what it reports."""

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ada.extensions import CodebookWarmup
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import VectorQuantizer
from ada.runs.run import Run
from ada.training import Intervals, Optimization, train
from ada.utils import log
from ada.utils.errors import UserError


def steps_kept(run_dir, folder="checkpoints"):
    return sorted(int(p.stem.split("-")[1]) for p in (run_dir / folder).glob("*.index"))


def metrics(run_dir, split):
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["split"] == split]


@pytest.fixture
def messages(monkeypatch):
    """What is said to people while a test runs."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    log.logger.addHandler(handler)
    yield said
    log.logger.removeHandler(handler)


@pytest.mark.usefixtures("trainers_once")
def test_the_newest_checkpoints_and_the_best_are_kept(settings, markov_dataset, tmp_path):
    intervals = Intervals(log=2, validate=2, save=1, keep=2)
    train(dataclasses.replace(settings, intervals=intervals), str(tmp_path), markov_dataset)
    assert steps_kept(tmp_path) == [7, 8]
    scores = {line["step"]: line["reconstruction_bits"] for line in metrics(tmp_path, "validation")}
    assert sorted(scores) == [2, 4, 6, 8]
    # Step 2 is before there is a codebook: no candidate.
    best = min((step for step in scores if step > 2), key=scores.get)
    assert steps_kept(tmp_path, "checkpoints/best") == [best]
    assert Run.open(str(tmp_path)).checkpoint_path("best").endswith(f"-{best}")


@pytest.mark.usefixtures("trainers_once")
def test_early_stopping(settings, markov_dataset, tmp_path, messages):
    # Nothing is learnt, so that no validation is better than the first.
    settings = dataclasses.replace(
        settings,
        num_steps=20,
        optimization=Optimization(learning_rate=0.0),
        intervals=Intervals(log=10, validate=1, save=10, patience=3),
        model=lambda: WaveNet(4, 1, 2, 2, 8, 8, ordinal_classes=False),
    )
    train(settings, str(tmp_path), markov_dataset)
    assert [line["step"] for line in metrics(tmp_path, "validation")] == [1, 2, 3, 4]
    assert steps_kept(tmp_path)[-1] == 4
    assert any("Stopped early" in message for message in messages)
    # And it stays stopped.
    train(settings, str(tmp_path), markov_dataset)
    assert steps_kept(tmp_path)[-1] == 4
    assert "is complete" in messages[-1]


def test_a_collapsed_codebook_is_warned_of_once(settings, markov_dataset, tmp_path, messages):
    def collapsed():
        model = AutoregressiveDiscreteAutoencoder(
            Encoder(4, 4, 8, (1,), input_channels=4, ordinal_classes=False),
            VectorQuantizer(64, 4),
            Modulator(8, (1,)),
            WaveNet(4, 1, 2, 2, 8, 8, 8, ordinal_classes=False),
        )
        build = model.build

        def build_far_away(input_shape=None):
            build(input_shape)
            far = np.full((64, 4), 1e3, np.float32)
            far[5] = 0.0
            model.quantizer.codebook.assign(far)

        model.build = build_far_away
        return model

    settings = dataclasses.replace(settings, model=collapsed, num_steps=4, hooks=())
    train(settings, str(tmp_path), markov_dataset)
    warnings = [message for message in messages if "has collapsed" in message]
    assert len(warnings) == 1
    assert "perplexity 1.0 of 64 codes" in warnings[0]
    assert "RESTART_EVERY" in warnings[0]
    assert metrics(tmp_path, "train")[-1]["codebook/used_codes"] == 1


@pytest.mark.usefixtures("trainers_once")
def test_tensorboard_gets_every_number(settings, markov_dataset, tmp_path):
    intervals = dataclasses.replace(settings.intervals, weight_histograms=True)
    settings = dataclasses.replace(settings, intervals=intervals)
    about = {"model": "A small one."}
    train(
        settings,
        str(tmp_path),
        markov_dataset,
        describe=lambda: "some.binding = 1",
        about=lambda _: about,
    )
    events = EventAccumulator(str(tmp_path / "train")).Reload()
    tags = set(events.Tags()["tensors"])
    assert {
        "reconstruction_bits",
        "loss/nll",
        "loss/codebook",
        "loss/commitment",
        "loss/total",
        "codebook/perplexity",
        "codebook/used_codes",
        "codebook/used_share",
        "codebook/dead_codes",
        "codebook/dead_age_mean",
        "codebook/dead_age_max",
        "codebook/restarts",
        "codebook/ages",
        "codebook/health",
        "optimizer/gradient_norm",
        "optimizer/learning_rate",
        "optimizer/weight_norm",
        "speed/steps_per_sec",
        "speed/codes_per_sec",
        "operative_gin",
    } <= tags
    [text] = [e.tensor_proto.string_val[0] for e in events.Tensors("operative_gin")]
    assert b"some.binding = 1" in text
    [text] = [e.tensor_proto.string_val[0] for e in events.Tensors("model")]
    assert text == b"A small one."
    assert len([tag for tag in tags if tag.startswith("weights/")]) > 10
    described = events.SummaryMetadata("codebook/perplexity").summary_description
    assert "100 training steps" in described
    assert [e.step for e in events.Tensors("loss/nll")] == list(range(1, 9))
    events = EventAccumulator(str(tmp_path / "validation")).Reload()
    # Codes make no sound: original, reconstruction and the model's own are drawn.
    assert {"codebook/use_of_codes", "clips/codes", "codebook/used_share"} <= set(
        events.Tags()["tensors"]
    )
    run = EventAccumulator(str(tmp_path)).Reload()
    validations = metrics(tmp_path, "validation")
    scores = [line["reconstruction_bits"] for line in validations]
    found = {
        name: [tf.make_ndarray(e.tensor_proto) for e in run.Tensors(f"score/{name}")]
        for name in ("bits", "best_bits", "perplexity")
    }
    np.testing.assert_allclose(found["bits"], scores, rtol=1e-6)
    np.testing.assert_allclose(found["best_bits"], np.minimum.accumulate(scores), rtol=1e-6)
    assert len(found["perplexity"]) == len(scores) == 2
    for line in metrics(Path(tmp_path), "train"):
        total = line["loss/nll"] + line["loss/codebook"] + line["loss/commitment"]
        assert line["loss/total"] == pytest.approx(total, rel=1e-5)
        assert line["reconstruction_bits"] == pytest.approx(line["loss/nll"] / np.log(2), rel=1e-5)


@pytest.mark.parametrize("clip_norm", [0.0, 0.05])
def test_clipping_is_of_the_global_norm_or_off(clip_norm, settings, markov_dataset, tmp_path):
    optimization = dataclasses.replace(settings.optimization, clip_norm=clip_norm)
    settings = dataclasses.replace(settings, num_steps=3, optimization=optimization)
    train(settings, str(tmp_path), markov_dataset)
    assert all(line["optimizer/gradient_norm"] > 0.05 for line in metrics(tmp_path, "train"))


@pytest.mark.usefixtures("trainers_once")
def test_a_finished_run_says_that_other_settings_changed_nothing(
    settings, markov_dataset, tmp_path, messages
):
    settings = dataclasses.replace(settings, num_steps=3)
    train(settings, str(tmp_path), markov_dataset, describe=lambda: "lr = 1")
    train(settings, str(tmp_path), markov_dataset, describe=lambda: "lr = 2")
    assert "nothing was trained" in messages[-1]
    assert (tmp_path / "operative.gin").read_text() == "lr = 1"
    more = dataclasses.replace(settings, num_steps=4)
    train(more, str(tmp_path), markov_dataset, describe=lambda: "lr = 2")
    assert (tmp_path / "operative.gin").read_text() == "lr = 2"


def test_a_warm_up_without_an_end_is_refused(settings, markov_dataset, tmp_path):
    with pytest.raises(UserError, match="warm-up of 2 steps leaves nothing of 2"):
        train(dataclasses.replace(settings, num_steps=2), str(tmp_path / "run"), markov_dataset)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("trainers_once")
def test_a_model_in_its_warm_up_makes_no_codes(settings, markov_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(CodebookWarmup, "before_step", lambda *_: [])
    train(settings, str(tmp_path), markov_dataset)
    with pytest.raises(UserError, match="still in its warm-up"):
        Run.open(str(tmp_path)).load_model()


@pytest.mark.parametrize("field", ["precision", "kind", "companding", "num_steps", "batch_size"])
def test_settings_that_cannot_be_are_refused_with_their_name(field, settings):
    with pytest.raises(ValueError, match=f"train.{field}"):
        dataclasses.replace(settings, **{field: "nonsense"})


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Intervals, {"log": 0}),
        (Intervals, {"keep": 0}),
        (Intervals, {"patience": -1}),
        (Optimization, {"schedule": "linear"}),
        (Optimization, {"polyak_decay": 1.0}),
        (Optimization, {"warmup_steps": -1}),
    ],
)
def test_groups_of_settings_too(kind, arguments):
    [name] = arguments
    with pytest.raises(ValueError, match=f"{kind.__name__}.{name}"):
        kind(**arguments)
