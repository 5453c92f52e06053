"""Training in two phases: the bottleneck first, then the local model alone."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from support import before_each_step, values_in

from ada.data import Dataset
from ada.evaluation.codes import all_codes
from ada.extensions import CodebookWarmup, EmaCodebook
from ada.extraction.codes import extract_codes
from ada.models import WaveNet
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.runs.sampling_defaults import SamplingValues, read
from ada.runs.upstream import encoder_checkpoint
from ada.training import FirstPhase, Intervals, Optimization, TrainingSettings, train
from ada.utils.errors import UserError

LOCAL = ("local_model", "upsample", "wave_net", "condition")


@pytest.fixture(scope="module")
def data_dir(music, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("phases") / "data")
    prepare(directory, AudioOptions(inputs=(f"{music}/*.wav",), sample_rate=16000))
    return directory


@pytest.fixture(scope="module")
def settings(make_note_autoencoder):
    return TrainingSettings(
        model=lambda: make_note_autoencoder(built=False),
        num_steps=4,
        batch_size=2,
        crop_steps=64,
        optimization=Optimization(1e-2),
        intervals=Intervals(log=1, validate=4, save=1, validation_ids=2000),
        jit_compile=False,
        hooks=(lambda: CodebookWarmup(2), lambda: EmaCodebook(0.9)),
        first_phase=FirstPhase(6, batch_size=4, crop_steps=128, learning_rate=1e-2, validate=3),
    )


@pytest.fixture(scope="module")
def run_dir(settings, data_dir, trainers, tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    with trainers():
        train(settings, str(directory), data_dir)
    return directory


def of_local_model(model):
    """Positions of the weights that the second phase trains."""
    own = [*model.local_model.weights, *model.modulator.upsample.weights]
    return [any(weight is one for one in own) for weight in model.weights]


def test_each_phase_trains_its_own_part(run_dir):
    """Weights that the second phase does not train stay what they were, bit for bit."""
    first = Run.open(str(run_dir / "bottleneck")).load_model("latest")
    second = Run.open(str(run_dir)).load_model("latest")
    for one, other, trained in zip(
        first.weights, second.weights, of_local_model(second), strict=True
    ):
        equal = np.array_equal(one.numpy(), other.numpy())
        assert equal != trained, one.path


def test_first_phase_is_scored_by_the_spectrum(run_dir):
    lines = (run_dir / "bottleneck" / "metrics.jsonl").read_text()
    assert "conditioning/unexplained" in lines
    assert "reconstruction_bits" not in lines
    assert "reconstruction_bits" in (run_dir / "metrics.jsonl").read_text()


@pytest.mark.usefixtures("trainers_once")
def test_sampling_values_are_those_of_the_run_that_it_starts_from(
    settings, data_dir, run_dir, tmp_path
):
    """With two phases and with one, and before anything is written if they cannot be used."""
    source = shutil.copytree(run_dir, tmp_path / "source")
    kept = source / "sampling.json"
    kept.write_text('{"top_p": 0.8}')
    for name, changed in (("two", {}), ("one", {"first_phase": None, "part": "local_model"})):
        tuned = dataclasses.replace(settings, **changed)
        train(tuned, str(tmp_path / name), data_dir, init_from=str(source))
        assert read(str(tmp_path / name))[0] == SamplingValues(top_p=0.8)
    train(settings, str(tmp_path / "without"), data_dir, init_from=str(run_dir))
    assert not (tmp_path / "without" / "sampling.json").exists()
    kept.write_text("no JSON")
    with pytest.raises(UserError, match="cannot be used"):
        train(settings, str(tmp_path / "not"), data_dir, init_from=str(source))
    assert not Run.exists(str(tmp_path / "not"))


@pytest.mark.usefixtures("trainers_once")
def test_codes_are_frozen_unless_the_run_has_trained_them(settings, data_dir, run_dir, tmp_path):
    assert not Run.open(str(run_dir)).has_frozen_codes
    assert not Run.open(str(run_dir / "bottleneck")).has_frozen_codes
    tuned = dataclasses.replace(settings, first_phase=None, part="local_model")
    train(tuned, str(tmp_path), data_dir, init_from=str(run_dir))
    assert Run.open(str(tmp_path)).has_frozen_codes


class Killed(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("killed_at", [("bottleneck", 4), ("local_model", 2)])
@pytest.mark.usefixtures("trainers_once")
def test_resumed_equals_uninterrupted(settings, data_dir, run_dir, tmp_path, killed_at):
    def die(trainer):
        if (trainer.model.trained_part, trainer.step) == killed_at:
            raise Killed

    with before_each_step(die), pytest.raises(Killed):
        train(settings, str(tmp_path), data_dir)
    train(settings, str(tmp_path), data_dir)
    for folder in ("bottleneck", "."):
        one, other = (
            values_in(Run.open(str(root / folder)).checkpoint_path("latest"))
            for root in (run_dir, tmp_path)
        )
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name], name)


def gradients(model, part):
    """The losses of a part, and whether each weight has a gradient that is not zero."""
    model.train_part(part)
    ids = np.random.default_rng(0).integers(0, 7, (2, 64)).astype(np.int32)
    with tf.GradientTape() as tape:
        losses = model.compute_losses(ids, training=True).losses
        loss = tf.add_n(list(losses.values()))
    found = tape.gradient(loss, [w.value for w in model.weights])
    return losses, [g is not None and np.abs(tf.convert_to_tensor(g)).max() > 0 for g in found]


def test_auxiliary_loss_reaches_all_but_the_local_model(make_note_autoencoder):
    model = make_note_autoencoder()
    losses, reached = gradients(model, "bottleneck")
    assert set(losses) == {"auxiliary", "commitment", "codebook"}
    trained = [any(weight is w for w in model.trainable_weights) for weight in model.weights]
    expected = [t and not local for t, local in zip(trained, of_local_model(model), strict=True)]
    assert reached == expected


def test_likelihood_reaches_the_local_model_alone_in_the_second_phase(make_note_autoencoder):
    model = make_note_autoencoder()
    losses, reached = gradients(model, "local_model")
    assert set(losses) == {"nll"}
    assert reached == of_local_model(model)


def test_joint_training_has_all_losses(make_note_autoencoder):
    model = make_note_autoencoder()
    losses, reached = gradients(model, "all")
    assert set(losses) == {"nll", "auxiliary", "commitment", "codebook"}
    assert sum(reached) == len(model.trainable_weights)


def test_run_keeps_to_its_part(settings, data_dir, run_dir):
    with pytest.raises(UserError, match="trains 'local_model' of its model, these settings 'all'"):
        train(dataclasses.replace(settings, first_phase=None), str(run_dir), data_dir)


def test_chain_refuses_a_first_phase(run_dir):
    with pytest.raises(UserError, match="is a first phase"):
        Chain.open([str(run_dir / "bottleneck")])


def test_second_phase_is_checked_before_the_first_begins(settings, data_dir, tmp_path):
    with pytest.raises(UserError, match="60 must be a multiple of 2 codes of a group, 8"):
        train(dataclasses.replace(settings, crop_steps=60), str(tmp_path / "run"), data_dir)
    assert not (tmp_path / "run").exists()


def test_other_companding_and_sample_rate_are_refused(settings, data_dir, tmp_path):
    with pytest.raises(UserError, match="FilterbankFrontEnd.companding is 'mu_law', but the data"):
        train(dataclasses.replace(settings, companding="uniform"), str(tmp_path), data_dir)


def test_missing_first_phase_is_refused(settings, data_dir, run_dir, tmp_path):
    """Killed before its first checkpoint, a second phase cannot go on without the first."""
    for name in ("run.json", "model.json", "dataset.json", "operative.gin"):
        shutil.copy(run_dir / name, tmp_path / name)
    with pytest.raises(UserError, match="the first phase of .* is gone"):
        train(settings, str(tmp_path), data_dir)


def test_models_without_a_bottleneck_loss_are_refused(settings, data_dir, tmp_path):
    def wavenet():
        return WaveNet(7, 1, 2, 2, 4, 4)

    plain = dataclasses.replace(settings, model=wavenet)
    with pytest.raises(UserError, match="no parts to train"):
        train(plain, str(tmp_path), data_dir)


def test_all_checkpoints_make_the_codes_of_the_first_phase(run_dir, tmp_path):
    """Codes may be extracted, and priors trained, while the local model still learns."""
    specs = [
        extract_codes(str(path), str(tmp_path / name), checkpoint)
        for name, path, checkpoint in (
            ("first", run_dir / "bottleneck", "best"),
            ("best", run_dir, "best"),
            ("latest", run_dir, "latest"),
        )
    ]
    assert len({spec.upstream["digest"] for spec in specs}) == 1
    one, *others = (all_codes(Dataset.open(str(tmp_path / n)), "train") for n in ("first", "best"))
    for codes, other in zip(one, *others, strict=True):
        np.testing.assert_array_equal(codes, other)
    lower = Run.open(str(run_dir))
    assert encoder_checkpoint(specs[0], lower) == ("best", "")
