"""Decoding codes, and whole chains from prior to audio."""

from types import SimpleNamespace

import numpy as np
import pytest

from ada.generation import Level, SamplingConfig, generate, generate_level
from ada.generation.lengths import CodeGeometry, steps_needed
from ada.runs.chain import Chain
from ada.utils.errors import UserError

HOP, RATE = 4, 100


pytestmark = pytest.mark.usefixtures("short_blocks")


@pytest.fixture(scope="module", params=[False, True], ids=["repeated", "upsampled"])
def model(request, make_autoencoder):
    return make_autoencoder(upsample=request.param)


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).integers(0, 8, (3, 10)).astype(np.int32)


def decoded(model, codes, num_steps):
    made = Level(model, SamplingConfig(5), batch_size=2, backend="graph")
    return generate_level(made, len(codes), num_steps, codes=codes)


@pytest.mark.parametrize(("num_steps", "expected"), [(1, 4), (4, 4), (5, 5), (8, 5), (10, 6)])
def test_steps_needed_are_enough_and_none_too_many(num_steps, expected, model, influences, codes):
    assert steps_needed(num_steps, CodeGeometry.of(model)) == expected
    ids = np.random.default_rng(2).integers(0, 7, (1, 10 * HOP))
    others = np.stack([(codes[0] + i) % 8 for i in range(1, 7)])
    seen = influences(
        lambda rows: model.decode(rows, np.repeat(ids, len(rows), axis=0))[:, :num_steps],
        np.repeat(codes[:1], 6, axis=0),
        others,
    )
    assert np.flatnonzero(seen.any(0)).max() == expected - 1


def test_codes_past_those_needed_change_nothing(model, codes):
    all_codes, needed = (
        decoded(model, codes[:, :steps], 22)
        for steps in (10, steps_needed(22, CodeGeometry.of(model)))
    )
    np.testing.assert_array_equal(all_codes[0], needed[0])


def fake_run(model, kind="codes"):
    """What generation reads of a run directory."""
    info = SimpleNamespace(kind=kind, sample_rate=RATE, ids_to_audio=lambda ids: ids / 7.0)
    return SimpleNamespace(
        directory=f"a run of {kind}",
        info=info,
        configured_model=lambda: model,
        load_model=lambda checkpoint: model,
    )


def test_a_chain_generates_from_the_top_down(make_autoencoder, make_wavenet):
    prior, model = make_wavenet(), make_autoencoder()
    runs = Chain((fake_run(prior), fake_run(model, "audio")), ("best", "best"))
    draws = [SamplingConfig(5), SamplingConfig(6, temperature=0.5)]
    result = generate(runs, 2, 0.22, draws, progress=False)

    needed = steps_needed(22, CodeGeometry.of(model))
    codes, ids = result.ids
    assert codes.shape == (2, needed)
    # The prior is level 1 and the decoder level 0: their random numbers differ.
    expected, log_probs = generate_level(Level(prior, draws[0], index=1), 2, needed)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_allclose(result.bits[0], -log_probs.mean() / np.log(2), rtol=1e-5)
    expected, log_probs = generate_level(Level(model, draws[1]), 2, 22, codes=codes)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(result.bits[1], -log_probs.mean() / np.log(2), rtol=1e-5)
    np.testing.assert_allclose(result.audio, ids / 7.0, rtol=1e-6)
    assert result.audio.shape == (2, 22)
    assert result.sample_rate == RATE


def test_an_autoencoder_needs_something_above_it(make_autoencoder):
    model = make_autoencoder()
    with pytest.raises(UserError, match="put a prior above it"):
        generate(
            Chain((fake_run(model, "audio"),), ("best",)),
            1,
            0.22,
            [SamplingConfig()],
            progress=False,
        )
