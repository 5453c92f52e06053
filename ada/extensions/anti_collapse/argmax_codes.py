"""Codes of an AMAE made from data: activations become distances to k-means centres (ours)."""

from typing import NamedTuple

import numpy as np

from ada.extensions.anti_collapse.kmeans import kmeans
from ada.quantizers import ArgmaxQuantizer

# Mean of the largest q after initialisation from data: at 1 the softmax would have no gradient.
CONFIDENCE = 0.5
# Principal components of the activations that codes are made from, for all places of a group.
NUM_COMPONENTS = 64


class ArgmaxCodes(NamedTuple):
    """Changes to the layers around the quantiser after which code k stands for centre k.

    Attributes:
      kernel: `[C, C]`; activations a become a @ kernel + bias.
      bias: `[C]`.
      centres: `[C, C]`, the vectors that the one-hot vectors replace as input of the decoder.
    """

    kernel: np.ndarray
    bias: np.ndarray
    centres: np.ndarray


def codes_from_data(quantizer: ArgmaxQuantizer, queries: np.ndarray, seed: int) -> ArgmaxCodes:
    """Codes for activations `[n, C]`, or for the means of groups of them.

    Activation k becomes s (2 a c_k - |c_k|^2), largest at the nearest centre c_k. The factor s
    leaves the softmax with a mean largest value of one half.
    """
    if quantizer.group_length == 1:
        centres = kmeans(queries, quantizer.num_codes, seed)
        codes = ArgmaxCodes(2.0 * centres.T, -(centres**2).sum(axis=-1), centres)
    else:
        queries = queries[:: quantizer.group_length]  # all steps of a group have the same mean
        codes = _codes_of_groups(quantizer, queries.astype(np.float64), seed)
    activations = queries @ codes.kernel + codes.bias
    per_place = quantizer.num_codes // quantizer.group_length
    scale = scale_of_confidence(activations.reshape(-1, per_place), CONFIDENCE)
    return ArgmaxCodes(scale * codes.kernel, scale * codes.bias, codes.centres)


def _codes_of_groups(quantizer: ArgmaxQuantizer, points: np.ndarray, seed: int) -> ArgmaxCodes:
    """Codes of each place in its own subspace, of group means `[n, C]`.

    The principal components of the points are assigned to the places in turn.
    """
    group, per_place = quantizer.group_length, quantizer.num_codes // quantizer.group_length
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    kernels, biases, centres = [], [], []
    for place in range(group):
        axis = axes[place:NUM_COMPONENTS:group].T
        found = kmeans((points - middle) @ axis, per_place, seed + place)
        kernel = 2.0 * axis @ found.T
        kernels.append(kernel)
        biases.append(-(found**2).sum(axis=-1) - middle @ kernel)
        centres.append(found @ axis.T + middle / group)
    return ArgmaxCodes(
        np.concatenate(kernels, axis=1).astype(np.float32),
        np.concatenate(biases).astype(np.float32),
        np.concatenate(centres).astype(np.float32),
    )


def scale_of_confidence(activations: np.ndarray, confidence: float) -> float:
    """The factor that gives the softmax of activations `[n, C]` this mean largest value."""
    below = activations - activations.max(axis=-1, keepdims=True)
    low, high = -40.0, 40.0  # powers of two; the mean grows with the factor
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        mean = (1.0 / np.exp(below * 2.0**middle).sum(axis=-1)).mean()
        low, high = (middle, high) if mean < confidence else (low, middle)
    return 2.0**low
