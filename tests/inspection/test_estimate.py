"""How long a training takes: the formula, against TensorFlow's own count and by hand."""

import dataclasses

import pytest
import tensorflow as tf
from support import refuses, run_here

from ada.config import configuration
from ada.inspection.cost import macs_an_id, training_memory
from ada.inspection.estimate import Machine, estimate, flops_a_step
from ada.models import WaveNet
from ada.utils.errors import UserError

LARGE = "gin/large_wavenet.gin"
MACHINE = Machine(10.0, 0.5, 4)


@pytest.fixture(scope="module")
def trained():
    """A model at tiny sizes and the settings of its training."""
    settings = configuration.load([LARGE, "gin/tiny.gin"], ["NUM_STEPS=1000", "BATCH_SIZE=8"])
    model = settings.model()
    model.build()
    return model, settings


def test_operations_are_those_that_tensorflow_counts():
    model = WaveNet(256, 1, 4, 2, 64, 64)
    model.build()
    steps = 256
    function = tf.function(lambda ids: model(ids)).get_concrete_function(
        tf.TensorSpec([1, steps], tf.int32)
    )
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    counted = tf.compat.v1.profiler.profile(function.graph, options=options).total_float_ops
    # Sums and products of single elements are on top of the matrix products.
    assert 1.0 <= counted / (2 * macs_an_id(model) * steps) < 1.1


def test_the_formula(trained):
    model, settings = trained
    flops = 2 * 3 * macs_an_id(model) * 8 * settings.crop_steps
    assert flops_a_step(model, settings) == pytest.approx(flops)
    found = estimate(model, settings, MACHINE, ids_per_sec=16000, hours=0.5)
    assert found.steps_per_sec == pytest.approx(10e12 * 0.5 * 4 / flops)
    assert found.hours == pytest.approx(1000 / found.steps_per_sec / 3600)
    assert found.passes == pytest.approx(1000 * 8 * settings.crop_steps / (1800 * 16000))
    share = dataclasses.replace(settings, batch_size=2)
    assert found.memory == training_memory(model, share).total
    again = dataclasses.replace(settings, recompute_layers=3)
    slower = estimate(model, again, MACHINE)
    assert slower.hours / found.hours == pytest.approx(4 / 3)
    assert slower.passes is None


def test_replicas_that_do_not_divide_the_batch_are_refused(trained):
    with pytest.raises(UserError, match="3 replicas: set BATCH_SIZE to 6 or 9"):
        estimate(*trained, Machine(10.0, 0.5, 3))


def test_the_command_estimates_a_model_and_all_levels_of_a_system():
    flags = ["--gin_file=gin/tiny.gin", "--tflops=10", "--replicas=4", "--hours=2"]
    found = run_here("ada.describe", f"--gin_file={LARGE}", *flags)
    assert found.returncode == 0, found.stderr
    assert "on 4 x 10 TFLOPS at 30 %: " in found.stdout
    assert "passes over 2 hours of audio" in found.stdout
    system = run_here("ada.describe", "--gin_file=gin/systems/vqvae_pbt_vqvae.gin", *flags)
    assert system.returncode == 0, system.stderr
    assert system.stdout.count("steps per second") == 3
    assert "ada.pbt trains 4 such members" in system.stdout
    *_, last = system.stdout.strip().splitlines()
    assert last.startswith("training of all levels, estimated: ")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([f"--gin_file={LARGE}", "--hours=2"], "needs --tflops"),
        ([f"--gin_file={LARGE}", "--replicas=2"], "needs --tflops"),
        (["--run_dir=x", "--tflops=1"], "not of a run"),
        ([f"--gin_file={LARGE}", "--tflops=0"], "tflops"),
        ([f"--gin_file={LARGE}", "--tflops=1", "--utilisation=1.5"], "utilisation"),
    ],
)
def test_wrong_usage(flags, said):
    refuses("ada.describe", *flags, code=2, said=said)
