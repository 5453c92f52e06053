"""tf.distribute strategies by name."""

import tensorflow as tf

from ada.errors import UserError

STRATEGIES = ("one_device", "mirrored")


def make_strategy(name: str = "one_device") -> tf.distribute.Strategy:
    """A strategy for training.

    Args:
      name: "one_device", the default device, or "mirrored", all GPUs of this machine (or its
        logical CPU devices where there is no GPU).

    Raises:
      UserError: for an unknown name.
    """
    if name == "one_device":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        return tf.distribute.MirroredStrategy(devices)
    raise UserError(f"strategy must be one of {', '.join(STRATEGIES)}, got {name!r}.")


def distribute(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, batch_size: int
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Gives replica r the r-th slice of every global batch."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches
    if batch_size % replicas:
        raise UserError(
            f"batch_size {batch_size} is no multiple of the number of replicas, {replicas}."
        )
    return strategy.distribute_datasets_from_function(
        lambda _: batches.rebatch(batch_size // replicas)
    )
