"""Memory of GPUs, of which there is none here."""

import tensorflow as tf

from ada.utils.devices import use_memory_as_needed


def test_every_gpu_takes_memory_as_needed(monkeypatch):
    asked = []

    def grow(gpu, enable):
        asked.append((gpu, enable))
        if gpu == "GPU:0":
            raise RuntimeError("Physical devices cannot be modified after being initialized")

    gpus = ["GPU:0", "GPU:1", "GPU:2"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grow)
    use_memory_as_needed()
    assert asked == [(gpu, True) for gpu in gpus]
