"""Checks that searched values have an effect."""

import keras

from ada.training.settings import TrainingSettings
from ada.utils.errors import UserError

RATE = "Optimization.codebook_rate"


def check_effective(settings: TrainingSettings, network: keras.Model) -> None:
    """Raises UserError for a searched value that does not act on the weights.

    Adam divides each gradient by its own size, so the weight of the codebook loss, the only one
    that reaches the codebook, has no effect. The codebook's learning rate has, unless the codebook
    is a moving average.
    """
    # Moving averages take the place of the codebook loss.
    is_trained = getattr(network.quantizer, "codebook_weight", 0.0) > 0.0
    for name in settings.search.hyperparameters:
        if name.endswith(".codebook_weight"):
            raise UserError(
                f"Search.hyperparameters: {name} has no effect under Adam, which undoes the weight "
                f"of a loss that is alone on its variables: search {RATE} instead."
            )
        if name == RATE and not is_trained:
            raise UserError(
                f"Search.hyperparameters: {RATE} has no effect, because no codebook is trained by "
                "gradients: remove it, or set EMA_DECAY = None."
            )
