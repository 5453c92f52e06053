"""Every mode and level: what the sampler drew, fed back through the teacher-forced models.

The sampling loop itself is put to the same test in test_sampler.py, over kernel sizes, ways of
conditioning, lengths of prompts, batch_size and block boundaries.
"""

import functools

import numpy as np
import pytest
from support import SAMPLERS, LevelsOnce

from ada.generation import Level, SamplingConfig, Stream, generate, modes, native
from ada.models import WaveNet

STEPS, ITEMS = 150, 3
levels_once = LevelsOnce()


pytestmark = pytest.mark.usefixtures("short_blocks")


@pytest.fixture(scope="module")
def models(chains):
    """The models of a chain, top first."""
    return functools.cache(
        lambda levels: [chains[levels].load_model(number) for number in range(levels)]
    )


def ancestral(chain):
    return modes.ancestral(chain, range(ITEMS), STEPS / 1000)


def primed(chain):
    """With less than, about as much as, and much more than any receptive field holds (8)."""
    rng = np.random.default_rng(3)
    prompts = {str(n): rng.integers(0, 7, n).astype(np.int32) for n in (1, 9, 120)}
    return modes.primed(chain, prompts, range(ITEMS), STEPS / 1000, progress=False)


def continued(chain):
    with levels_once():
        first = generate(chain, ITEMS, 0.05, SamplingConfig(4), batch_size=1, backend="xla")
    return modes.continued_ids(chain, first.ids, range(ITEMS), 0.1)


def upsampled(chain):
    codes = np.random.default_rng(3).integers(0, 7, (ITEMS, STEPS)).astype(np.int32)
    return modes.upsampled(chain, codes, range(ITEMS), STEPS)


def check(models, made, codes=None, tolerance=1e-4, greedy=False):
    """Log-probabilities are those of the models; where the draws are greedy, ids the likeliest."""
    counts = []
    for model, (ids, log_probs) in zip(models, made, strict=True):
        if codes is None:
            logits = np.asarray(model(ids), np.float32)
        else:
            # The modulator sees the codes to their end, the look-ahead included.
            logits = np.asarray(model.decode(codes, padded(ids, codes, model)), np.float32)
            logits = logits[:, : ids.shape[1]]
        expected = np.take_along_axis(log_softmax(logits), ids[..., np.newaxis], -1)[..., 0]
        drawn = ~np.isnan(log_probs)
        counts.append(drawn.sum())
        assert np.abs(log_probs - expected)[drawn].max(initial=0.0) < tolerance
        if greedy:
            best_two = np.sort(logits, axis=-1)[..., -2:]
            clear = drawn & (best_two[..., 1] - best_two[..., 0] > 1e-3)
            assert clear.sum() >= 0.9 * drawn.sum()
            np.testing.assert_array_equal(ids[clear], logits.argmax(-1)[clear])
        codes = ids
    return counts


def padded(ids, codes, model):
    """Ids as long as all codes; what is added is seen by nothing before it."""
    return np.pad(ids, [(0, 0), (0, codes.shape[1] * model.hop_length - ids.shape[1])])


def log_softmax(logits):
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize(("batch_size", "temperature"), [(1, 0.0), (2, 1.0)])
@pytest.mark.parametrize("backend", SAMPLERS[:2])
@pytest.mark.parametrize(
    ("levels", "mode"),
    [(n, mode) for n in (1, 2, 3) for mode in (ancestral, primed, continued)]
    + [(2, upsampled), (3, upsampled)],
)
def test_generated_ids_follow_the_models(
    levels, mode, backend, batch_size, temperature, chains, models
):
    request = mode(chains[levels])
    with levels_once():
        made = request.stream(
            [SamplingConfig(5, temperature)] * levels, batch_size=batch_size, backend=backend
        )
    drawing = models(levels)[levels - len(made.levels) :]
    counts = check(drawing, made.collect(), made.codes, greedy=temperature == 0.0)
    assert min(counts) > 0


@pytest.mark.parametrize("upsample", [False, True], ids=["repeated", "upsampled"])
def test_mixed_precision_is_only_that_of_the_modulator(upsample, make_autoencoder):
    """Trained in bfloat16: the loop is in float32, the conditioning as in training.

    Against the same weights in float32, log p differs by what bfloat16 makes of the conditioning:
    less than 0.1 here, where weights are large.
    """
    mixed = make_autoencoder(upsample=upsample, dtype="mixed_bfloat16")
    exact = make_autoencoder(upsample=upsample)
    codes = np.random.default_rng(3).integers(0, 8, (2, 40)).astype(np.int32)
    made = Stream(
        [Level(mixed, SamplingConfig(5), batch_size=2)], [STEPS], 2, codes=codes
    ).collect()
    check([exact], made, codes, tolerance=0.1)
    with pytest.raises(AssertionError):
        check([exact], made, codes, tolerance=1e-4)


@pytest.mark.skipif(not native.AVAILABLE, reason="no kernel")
def test_bfloat16_weights_are_within_their_rounding(randomize):
    """Log p of a network of 12 layers differs by less than 0.1 at any id, 0.01 in the mean."""
    model = WaveNet(256, 2, 6, 2, 32, 64)
    model.build()
    randomize(model, scale=0.1)
    made = Stream(
        [Level(model, SamplingConfig(5), batch_size=2, weights="bfloat16")], [STEPS], 2
    ).collect()
    check([model], made, tolerance=0.1)
    [(ids, log_probs)] = made
    assert np.abs(log_probs - model.log_prob(ids)).mean() < 0.01
