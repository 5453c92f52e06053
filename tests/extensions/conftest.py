"""Queries and weights that every test of a quantiser uses."""

import numpy as np
import pytest


@pytest.fixture
def queries():
    """Float32 `[2, 4, 3]`."""
    return np.random.default_rng(1).normal(size=(2, 4, 3)).astype(np.float32)


@pytest.fixture(params=["equal", "unequal"])
def weights(request):
    """What is given to a quantiser, and the shares `[2, 4]` meant by it."""
    if request.param == "equal":
        return None, np.full((2, 4), 1 / 8)
    shares = np.random.default_rng(2).uniform(size=(2, 4)).astype(np.float32)
    shares[1, 3] = 0.0
    return shares / shares.sum(), shares / shares.sum()
