"""k-means: what a codebook from data may rely on."""

import sys
import tracemalloc

import numpy as np
import pytest

from ada.extensions.anti_collapse.kmeans import kmeans

CORNERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)


@pytest.fixture(scope="module")
def clusters():
    noise = np.random.default_rng(0).normal(0.0, 0.1, (4, 100, 2))
    return (CORNERS[:, np.newaxis] + noise).reshape(-1, 2).astype(np.float32)


def nearest(points, centres):
    return ((points[:, np.newaxis] - centres) ** 2).sum(-1).argmin(1)


def test_the_same_arguments_give_the_same_centres(clusters):
    np.testing.assert_array_equal(kmeans(clusters, 7, seed=3), kmeans(clusters, 7, seed=3))
    assert (kmeans(clusters, 7, seed=3) != kmeans(clusters, 7, seed=4)).any()


def test_the_points_are_left_alone(clusters):
    before = clusters.copy()
    kmeans(clusters, 7, seed=3)
    np.testing.assert_array_equal(clusters, before)


def test_separate_clusters_are_found(clusters):
    found = kmeans(clusters, 4, seed=3)
    found = found[nearest(CORNERS, found)]
    means = clusters.reshape(4, 100, 2).mean(1)
    np.testing.assert_allclose(found, means, atol=0.01)


def test_centres_end_as_the_means_of_their_points(clusters):
    centres = kmeans(clusters, 12, seed=0, iterations=100)
    codes = nearest(clusters, centres)
    assert len(np.unique(codes)) == 12
    means = [clusters[codes == k].mean(0) for k in range(12)]
    np.testing.assert_allclose(centres, means, atol=0.02)


def test_fewer_points_than_centres_are_all_kept():
    points = np.array([[1.0, 2.0], [3.0, 4.0], [-5.0, 0.0]], np.float32)
    centres = kmeans(points, 8, seed=0)
    assert centres.shape == (8, 2)
    assert centres.dtype == np.float32
    assert len(np.unique(centres, axis=0)) == 8
    gaps = ((points[:, np.newaxis] - centres) ** 2).sum(-1)
    assert gaps.min(0).max() < 1e-3
    assert gaps.min(1).max() < 1e-3


def test_equal_points_give_distinct_finite_centres():
    centres = kmeans(np.ones((20, 3)), 4, seed=0)
    assert np.isfinite(centres).all()
    assert len(np.unique(centres, axis=0)) == 4


def test_memory_is_bounded_and_chunks_change_nothing(clusters, monkeypatch):
    """All distances of 8,192 codes at once would be 16 GiB."""
    points = np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32)
    whole = kmeans(points, 64, seed=3, iterations=2)
    monkeypatch.setattr(sys.modules["ada.extensions.anti_collapse.kmeans"], "_CHUNK", 64 * 777)
    tracemalloc.start()
    np.testing.assert_allclose(kmeans(points, 64, seed=3, iterations=2), whole, atol=1e-6)
    assert tracemalloc.get_traced_memory()[1] < 20_000 * 64 * 4
    tracemalloc.stop()
