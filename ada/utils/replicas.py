"""Batches for the replicas of a tf.distribute strategy, and running on all of them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ada.utils.errors import UserError


def distribute(
    make_batches: Callable[..., tf.data.Dataset],
    strategy: tf.distribute.Strategy,
    batch_size: int,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Distributes batches: replica r gets the r-th slice of every global batch.

    Args:
      make_batches: from `slice_index` and `num_slices`, the number of a worker and of all, to the
        worker's slices of all batches.
      strategy: whose replicas are served.
      batch_size: rows in a global batch.

    Raises:
      UserError: if the batch cannot be divided.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return make_batches(slice_index=0, num_slices=1)
    if batch_size % replicas:
        raise UserError(
            f"batch_size {batch_size} is not a multiple of the number of replicas, {replicas}: set "
            f"it to {-(-batch_size // replicas) * replicas}."
        )

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        batches = make_batches(
            slice_index=context.input_pipeline_id, num_slices=context.num_input_pipelines
        )
        # Static shapes, as TPUs want them.
        whole = batches.cardinality()
        batches = batches.rebatch(batch_size // replicas, drop_remainder=True)
        if whole == tf.data.INFINITE_CARDINALITY:
            return batches.apply(tf.data.experimental.assert_cardinality(whole))
        return batches

    return strategy.distribute_datasets_from_function(of_worker)


def run_on_replicas(strategy: tf.distribute.Strategy, function: Callable, *args: Any) -> Any:
    """Calls a function on every replica; what it returns must be the same on all of them."""
    returned = strategy.run(function, args=args)
    return tf.nest.map_structure(
        lambda value: strategy.experimental_local_results(value)[0], returned
    )
