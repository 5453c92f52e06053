"""A codebook made from data, after training steps without quantisation (ours).

The slides start from random vectors; most of them are soon unused.
"""

import itertools
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from ada.extensions.anti_collapse.argmax_codes import codes_from_data
from ada.extensions.anti_collapse.hook import TrainingHook
from ada.extensions.anti_collapse.kmeans import kmeans
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer
from ada.quantizers.vector import nearest_codes
from ada.utils import log

# Number of queries for k-means, per code.
QUERIES_PER_CODE = 64
MAX_BATCHES = 256


class CodebookWarmup(TrainingHook):
    """Starts training without quantisation, then initialises the codebook by k-means of queries.

    In an AMAE, whose codes are fixed one-hot vectors, the layers around the quantiser are changed
    instead: activations become negative distances to the centres (`argmax_codes`). This needs
    "softmax"; ReLU does not work with distances.

    Args:
      steps: training steps without quantisation.
      init_from_data: initialise the codebook from data even if `steps` is 0, before the first step.
    """

    def __init__(self, steps: int = 0, init_from_data: bool = False) -> None:
        super().__init__()
        if steps < 0:
            raise ValueError(f"CodebookWarmup.steps must be at least 0, got {steps}.")
        self.steps = steps
        self.init_from_data = init_from_data or steps > 0
        self._is_over = False

    def applies_to(self, model: keras.Model) -> bool:
        trains_codes = model.num_codes > 0 and model.trained_part != "local_model"
        return self.init_from_data and trains_codes

    def build(self, model: keras.Model) -> None:
        quantizer = model.quantizer
        if isinstance(quantizer, ArgmaxQuantizer) and quantizer.normalization != "softmax":
            raise ValueError(
                "CodebookWarmup: an AMAE needs normalization='softmax' (ARGMAX_NORMALIZATION), got "
                f"{quantizer.normalization!r}."
            )
        self._model = model
        quantizer.set_active(False)

    @property
    def is_pending(self) -> bool:
        """Whether the codebook is not initialised yet."""
        return not self._model.quantizer.is_active

    def begin(self) -> None:
        self._is_over = False

    def before_step(
        self, step: int, batches: Callable[[], Iterable[dict]], seed: int
    ) -> list[keras.Variable]:
        # Reading `is_active` waits for the device, so it is not read at every step.
        if self._is_over or step < self.steps:
            return []
        self._is_over = True
        if self._model.quantizer.is_active:
            return []
        log.info(f"Step {step}: making the codebook by k-means.")
        return make_codebook(self._model, some_queries(self._model, batches()), seed)


def some_queries(
    model: AutoregressiveDiscreteAutoencoder, batches: Iterable[dict[str, tf.Tensor]]
) -> np.ndarray:
    """Queries of training batches without padding, or the means of groups, `[n, query_dim]`."""
    found, wanted = [], model.num_codes * QUERIES_PER_CODE
    # Compiled once for all batches.
    queries_of = tf.function(lambda ids: model.quantizer.group_means(model.queries(ids)))
    for batch in itertools.islice(batches, MAX_BATCHES):
        counted = model.code_weights(batch["weights"]).numpy() > 0.0
        found.append(queries_of(batch["ids"]).numpy()[counted])
        if sum(map(len, found)) >= wanted:
            break
    return np.concatenate(found)[:wanted]


def make_codebook(
    model: AutoregressiveDiscreteAutoencoder, queries: np.ndarray, seed: int
) -> list[keras.Variable]:
    """Initialises the codes of a model from queries `[n, query_dim]`, and starts to quantise.

    Returns:
      The weights that were replaced.
    """
    quantizer = model.quantizer
    quantizer.set_active(True)
    if isinstance(quantizer, VectorQuantizer):
        quantizer.codebook.assign(residual_kmeans(queries, quantizer, seed))
        return [quantizer.codebook]
    # One-hot vectors have no codebook; the layers before and after them take its role.
    kernel, bias, centres = codes_from_data(quantizer, queries, seed)
    before, after = model.to_queries, model.modulator.project
    before.bias.assign(tf.linalg.matvec(kernel, before.bias, True) + bias)
    before.kernel.assign(before.kernel @ kernel)
    after.kernel.assign(centres @ after.kernel)
    return [before.kernel, before.bias, after.kernel]


def residual_kmeans(queries: np.ndarray, quantizer: VectorQuantizer, seed: int) -> np.ndarray:
    """K-means of queries; for groups, of the residuals of each codebook in turn."""
    group_length = quantizer.group_length
    # All steps of a group have the same mean.
    residuals, codebooks = queries[::group_length], []
    for place in range(group_length):
        centres = kmeans(residuals, quantizer.num_codes // group_length, seed + place)
        codes = nearest_codes(tf.constant(residuals), tf.constant(centres)).numpy()
        residuals = residuals - centres[codes]
        codebooks.append(centres)
    return np.concatenate(codebooks)
