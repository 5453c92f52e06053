"""One step of a model at tiny widths on 8 logical devices.

Arguments: folder of datasets by kind, and the name of a gin file.
"""

import sys

import ada  # noqa: F401 - quiets TensorFlow

import tensorflow as tf  # isort: skip

from ada.config import bindings, configuration
from ada.runs.run import Run
from ada.training import train

DEVICES = 8
ONE_STEP = [
    *("NUM_STEPS=1", "LEVEL2_STEPS=1", "PRIOR_STEPS=1", "LR_WARMUP_STEPS=0"),
    # As few layers as can be: each is traced once for every device.
    *("LAYERS_PER_STACK=2", "LOCAL_LAYERS=2", "THIN_LAYERS=2", "CODER_DILATIONS=(1,)"),
    *("CROP_STEPS=2048", "CODEBOOK_WARMUP_STEPS=0", "train.jit_compile=False"),
    *("Intervals.audio_secs=0.0", "VALIDATION_IDS=1"),
]


def main() -> None:
    folder, name = sys.argv[1:]
    # Replicas wait for each other: with fewer threads than replicas, for ever.
    tf.config.threading.set_inter_op_parallelism_threads(4 * DEVICES)
    [cpu] = tf.config.list_physical_devices("CPU")
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * DEVICES)
    file = f"gin/{name}.gin"
    own = bindings.read_model([file]).value("train.batch_size")
    params = [*ONE_STEP, f"BATCH_SIZE={own}", "STRATEGY='mirrored'"]
    settings = configuration.load([file, "gin/tiny.gin"], params)
    train(settings, f"{folder}/{name}", f"{folder}/{settings.kind}")
    assert Run.open(f"{folder}/{name}").checkpoint_path("latest").endswith("-1")
    print(f"{name}: {own} crops on {DEVICES} devices", flush=True)


if __name__ == "__main__":
    main()
