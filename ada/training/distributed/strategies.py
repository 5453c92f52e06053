"""tf.distribute strategies by name."""

import json
import os
import re

import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

from ada.training.distributed.rendezvous import hear_signals, wait_for_all
from ada.training.distributed.workers import LOST
from ada.training.settings import TrainingSettings
from ada.utils import log
from ada.utils.errors import StoppedError, UserError, first_line

STRATEGIES = ("one_device", "mirrored", "multi_worker", "tpu")


def make_strategy(name: str = "one_device") -> tf.distribute.Strategy:
    """A strategy for training; one for several processes has to be made before anything else.

    Args:
      name: "one_device": the default device. "mirrored": all GPUs of this machine (or its logical
        CPU devices where there is no GPU). "multi_worker": all GPUs of several processes, each
        started with the same command, as TF_CONFIG or Slurm's environment says. "tpu": all cores
        of the TPU that TPU_NAME names.

    Raises:
      UserError: for an unknown name, or an environment that does not fit it.
    """
    if name not in STRATEGIES:
        raise UserError(f"strategy must be one of {', '.join(STRATEGIES)}, got {name!r}.")
    if name == "multi_worker":
        return _multi_worker()
    if name == "tpu":
        return _tpu()
    if _is_one_of_several():
        log.warning(
            f"this process was started as one of several, but STRATEGY is {name!r} and trains "
            "alone: --strategy=multi_worker trains with all of them."
        )
    if name == "one_device":
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    log.info(f"Training on {len(devices)} {kind}{'s' if len(devices) > 1 else ''}.")
    return tf.distribute.MirroredStrategy(devices)


def _is_one_of_several() -> bool:
    return bool(os.environ.get("TF_CONFIG")) or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def _multi_worker() -> tf.distribute.Strategy:
    resolver = _resolver()
    addresses = resolver.cluster_spec().job_tasks("worker")
    log.info(
        f"Worker {resolver.task_id} of {len(addresses)} ({', '.join(addresses)}): waiting for "
        "the others."
    )
    wait_for_all(addresses, resolver.task_id)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except LOST as error:
        raise StoppedError(f"the workers lost each other: {first_line(error)}") from error
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(f"the workers cannot be connected: {first_line(error)}") from error
    finally:
        hear_signals()


def _resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    resolvers = tf.distribute.cluster_resolver
    if os.environ.get("TF_CONFIG"):
        _check_tf_config(os.environ["TF_CONFIG"])
        return resolvers.TFConfigClusterResolver()
    if "SLURM_PROCID" in os.environ:
        return _slurm_resolver()
    raise UserError(
        "strategy 'multi_worker' needs TF_CONFIG in the environment of every process, or srun: see "
        "'Large models, many devices, interruptions' in ada/README.md."
    )


def _check_tf_config(text: str) -> None:
    """Raises UserError unless TF_CONFIG lists workers only, this one among them."""
    try:
        config = json.loads(text)
        addresses, task = config["cluster"]["worker"], config["task"]
        if set(config["cluster"]) != {"worker"} or task["type"] != "worker":
            wrong = "all tasks must be workers"
        elif not all(re.fullmatch(r".+:\d{1,5}", address) for address in addresses):
            wrong = "every worker needs a port"
        elif task["index"] not in range(len(addresses)):
            wrong = f"there is no worker {task['index']} among {len(addresses)}"
        else:
            return
    except ValueError:
        wrong = "it is not JSON"
    except (KeyError, TypeError):
        wrong = "a part is missing"
    raise UserError(
        f"TF_CONFIG cannot be used: {wrong}. It looks like this: "
        '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )


def _slurm_resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The tasks of a Slurm step as workers; each uses all GPUs that Slurm gives it."""
    try:
        # Jobs that share a machine must not share ports.
        port = 15000 + int(os.environ.get("SLURM_JOB_ID", "0")[-4:])
        hosts = slurm_cluster_resolver.expand_hostlist(os.environ["SLURM_STEP_NODELIST"])
        tasks = slurm_cluster_resolver.expand_tasks_per_node(
            os.environ["SLURM_STEP_TASKS_PER_NODE"]
        )
        number = int(os.environ["SLURM_PROCID"])
        # In Slurm's own order; TensorFlow's resolver sorts hosts as strings, node10 before node9.
        addresses = [
            f"{host}:{port + i}"
            for host, count in zip(hosts, tasks, strict=True)
            for i in range(count)
        ]
    except (ValueError, KeyError, AssertionError) as error:
        raise UserError(
            f"Slurm's environment cannot be used ({error!r}): start the command with srun."
        ) from error
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": addresses}),
        task_type="worker",
        task_id=number,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )


def _tpu() -> tf.distribute.Strategy:
    # On a TPU VM the TPU is called "local", which the resolver accepts as an argument only.
    name = "local" if os.environ.get("TPU_NAME") == "local" else None
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(name)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(f"no TPU was found (TPU_NAME names one): {first_line(error)}") from error
    return tf.distribute.TPUStrategy(resolver)


def compiled_by_xla(settings: TrainingSettings, strategy: tf.distribute.Strategy) -> bool:
    """Whether XLA compiles forward and backward passes: `train.jit_compile`, or what is faster.

    On a CPU the faster is XLA for float32, and TensorFlow's own kernels for half precision, which
    XLA computes in float32 there (`python -m tools.benchmark training`).
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return False  # there XLA compiles the whole step already
    if settings.jit_compile is not None:
        return settings.jit_compile
    return settings.precision == "float32" or bool(tf.config.list_logical_devices("GPU"))
