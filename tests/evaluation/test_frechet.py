"""The Frechet distance, by its closed form; the tagger, by what it hears."""

import numpy as np
import pytest

from ada.audio import read_audio
from ada.evaluation import tagger
from ada.evaluation.frechet import distance_and_error
from ada.utils.resources import sample_audio_dir


def frechet_distance(a, b):
    return distance_and_error([a], [b])["mean"]


def vectors(seed, count=500, dim=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dim)) @ rng.normal(size=(dim, dim)) + rng.normal(size=dim)


def test_distance_equals_closed_form_of_normal_distributions():
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), with SciPy's matrix root."""
    linalg = pytest.importorskip("scipy.linalg")
    a, b = vectors(1), vectors(2, 700)
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    expected = np.square(a.mean(0) - b.mean(0)).sum()
    expected += np.trace(np.cov(a.T) + np.cov(b.T) - 2.0 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_shifted_and_scaled_vectors():
    a = vectors(3)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(4.0 * a.shape[1])
    centred = a - a.mean(0)
    spread = np.trace(np.cov(a.T))
    assert frechet_distance(centred, 3.0 * centred) == pytest.approx(4.0 * spread)


def test_fewer_vectors_than_dimensions():
    a = vectors(4, count=5, dim=50)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0.0, abs=1e-8)


def test_the_error_over_clips_is_that_of_other_draws():
    """Clips of one patch each, of a normal distribution: beside the spread over many sets."""
    reference = np.split(vectors(5, 4000, 2), 40)
    rng = np.random.default_rng(0)
    drawn = [[rng.normal(0.5, 2.0, [1, 2]) for _ in range(60)] for _ in range(100)]
    found = [distance_and_error(clips, reference) for clips in drawn]
    plain = frechet_distance(np.concatenate(drawn[0]), np.concatenate(reference))
    assert found[0]["mean"] == pytest.approx(plain)
    spread = np.std([one["mean"] for one in found])
    assert np.mean([one["error"] for one in found]) == pytest.approx(spread, rel=0.25)
    empty = np.zeros([0, 2])
    assert distance_and_error([*drawn[0][:2], empty], reference)["error"] is None


@pytest.mark.parametrize("count", [20, 40])
def test_the_bias_of_few_clips_is_taken_off(count):
    """Of two normal distributions the distance is known: |m|^2 + sum (s - 1)^2, here 2 + 6 / 4."""
    mean, scale, dim, rng = np.array([1.0, 1.0, *[0.0] * 4]), 1.5, 6, np.random.default_rng(1)

    def drawn(scale, mean):
        # Patches of one clip are alike.
        clips = rng.normal(size=[count, 1, dim]) + rng.normal(size=[count, 4, dim])
        return list(mean + scale * clips / np.sqrt(2.0))

    found = [distance_and_error(drawn(scale, mean), drawn(1.0, 0.0 * mean)) for _ in range(60)]
    plain, corrected = (np.array([one[name] for one in found]) for name in ("mean", "corrected"))
    expected, noise = 3.5, corrected.std() / np.sqrt(len(found))
    assert plain.mean() - expected > 4.0 * noise
    assert corrected.mean() == pytest.approx(expected, abs=3.0 * noise)
    errors = [one["corrected_error"] for one in found]
    assert np.mean(errors) == pytest.approx(corrected.std(), rel=0.35)
    assert np.mean(np.abs(corrected - expected) < 2.0 * np.array(errors)) > 0.85


@pytest.mark.parametrize("count", [32, 48])
def test_clips_of_one_distribution_are_zero_apart_within_the_error(count):
    """In many dimensions some of the bias of few clips is left."""
    rng, scale = np.random.default_rng(2), np.exp(-np.arange(120) / 20)

    def drawn():
        return list(scale * (rng.normal(size=[count, 1, 120]) + rng.normal(size=[count, 3, 120])))

    found = [distance_and_error(drawn(), drawn()) for _ in range(4)]
    for one in found:
        assert abs(one["corrected"]) < 2.0 * one["corrected_error"] < one["mean"]


@pytest.mark.skipif(not tagger.is_installed(), reason="the weights are a package of their own")
def test_the_tagger_hears_a_piano_and_no_guitar():
    audio = read_audio(str(sample_audio_dir() / "joplin_solace.ogg"), 16000)[: 16000 * 10]
    tags = tagger.tags(audio, 16000).mean(0)
    guitar, classical, piano = 0, 1, 9  # places among the tags of MagnaTagATune
    assert tags.argmax() == piano
    assert tags[piano] > 0.9
    assert tags[classical] > 0.3 > tags[guitar]
    embedded = tagger.embed(audio, 16000)
    assert embedded.shape == (8, 200)  # three seconds, one second further each time
    assert tagger.embed(audio[: 16000 * 2], 16000).shape == (0, 200)
    # At another rate the same is heard.
    fast = read_audio(str(sample_audio_dir() / "joplin_solace.ogg"), 24000)[: 24000 * 10]
    assert np.abs(tagger.tags(fast, 24000).mean(0) - tags).max() < 0.05
