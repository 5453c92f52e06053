"""Making a codebook from training data, after the unquantised warm-up."""

import itertools

import numpy as np
import tensorflow as tf

from ada.training.trainer import Trainer

QUERIES_PER_CODE = 64


def init_codebook(trainer: Trainer, batches: tf.data.Dataset) -> None:
    """Runs k-means over the queries of some training batches.

    Args:
      trainer: whose model has a quantiser that wants a codebook.
      batches: training batches from the present step on; as many are read as needed.
    """
    quantizer = trainer.quantizer
    found, wanted = [], quantizer.num_codes * QUERIES_PER_CODE
    # Compiled once for all batches.
    queries_of = tf.function(lambda ids: quantizer.group_means(trainer.model.queries(ids)))
    for batch in itertools.islice(batches, 256):
        counted = trainer.model.code_weights(batch["weights"]).numpy() > 0.0
        found.append(queries_of(batch["ids"]).numpy()[counted])
        if sum(map(len, found)) >= wanted:
            break
    queries = np.concatenate(found)[:wanted]
    for weight in trainer.model.init_codebook(queries, trainer.seed):
        trainer.forget(weight)
    # Until now codes stood for nothing: what was counted says nothing of the new ones.
    trainer.code_use.reset(trainer.step)
