"""What a layer over vectors depends on."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def vector_influences(influences):
    """Bool `[output_steps, input_steps]` of a layer over `channels`; inputs are made up."""

    def found(layer, steps, channels, trials=2):
        rng = np.random.default_rng(1)
        shape = (trials, steps, channels)
        inputs, others = rng.normal(size=(2, *shape)).astype(np.float32)
        return influences(layer, inputs, others)

    return found
