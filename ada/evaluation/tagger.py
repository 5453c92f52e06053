"""Embeddings of audio by a music-tagging network, for the Frechet audio distance.

The network is musicnn, trained on MagnaTagATune (Pons and Serra, "musicnn: pre-trained
convolutional neural networks for music audio tagging", 2019), as its package ships it: graph and
weights are read, its code, which wants TensorFlow 1, is not run.
"""

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr
import tensorflow as tf

from ada.utils.errors import UserError

SAMPLE_RATE = 16000
PATCH_FRAMES, HOP_LENGTH, FFT_LENGTH, NUM_MELS = 187, 256, 512, 96
PATCH_HOP_FRAMES = 62  # a patch of 3 s every second
HOW_TO_INSTALL = (
    "musicnn, the weights of the tagging network, is not installed: pip install --no-deps "
    "musicnn==0.1.0 (no extra has it: what it says it needs is of 2019)."
)
_INPUT, _TRAINING = "model/Placeholder", "model/Placeholder_2"
_EMBEDDING, _TAGS = "model/batch_normalization_10/batchnorm/add_1", "model/Sigmoid"


def is_installed() -> bool:
    """Whether the package that ships the weights is there."""
    return find_spec("musicnn") is not None


def embed(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """The penultimate layer over patches of 3 s, one a second.

    Args:
      audio: `[samples]` in [-1, 1], of at least 3 s.
      sample_rate: Hz.

    Returns:
      float32 `[patches, 200]`; no patches of shorter audio.

    Raises:
      UserError: if the package with the weights is not installed.
    """
    return _run(audio, sample_rate)[0]


def tags(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Probabilities of the 50 tags of MagnaTagATune, float32 `[patches, 50]`; see `embed`."""
    return _run(audio, sample_rate)[1]


def _run(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    audio = soxr.resample(np.asarray(audio, np.float32), sample_rate, SAMPLE_RATE)
    if len(audio) < PATCH_FRAMES * HOP_LENGTH:
        return np.zeros([0, 200], np.float32), np.zeros([0, 50], np.float32)
    embeddings, probabilities = _network()(tf.constant(_patches(audio)))
    return embeddings.numpy(), probabilities.numpy()


def _patches(audio: np.ndarray) -> np.ndarray:
    """Log-mel patches, float32 `[patches, 187, 96]`."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=audio, sr=SAMPLE_RATE, hop_length=HOP_LENGTH, n_fft=FFT_LENGTH, n_mels=NUM_MELS
    ).T
    frames = np.log10(10000.0 * mel + 1.0).astype(np.float32)
    starts = range(0, len(frames) - PATCH_FRAMES + 1, PATCH_HOP_FRAMES)
    return np.stack([frames[start : start + PATCH_FRAMES] for start in starts])


@functools.cache
def _network() -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """The shipped graph from its input to embedding and tags, with weights as constants."""
    if not is_installed():
        raise UserError(HOW_TO_INSTALL)
    place = Path(find_spec("musicnn").submodule_search_locations[0]) / "MTT_musicnn"
    meta = tf.compat.v1.MetaGraphDef.FromString((place / ".meta").read_bytes())
    # Only what leads to the outputs: the file holds the training too.
    graph = tf.compat.v1.graph_util.extract_sub_graph(meta.graph_def, [_EMBEDDING, _TAGS])
    weights = tf.compat.v1.train.NewCheckpointReader(f"{place}/")

    @tf.function(input_signature=[tf.TensorSpec([None, PATCH_FRAMES, NUM_MELS])], autograph=False)
    def network(patches: tf.Tensor) -> list[tf.Tensor]:
        given = {
            f"{name}/read:0": tf.constant(weights.get_tensor(name))
            for name in weights.get_variable_to_shape_map()
            if any(node.name == f"{name}/read" for node in graph.node)
        }
        given |= {f"{_INPUT}:0": patches, f"{_TRAINING}:0": tf.constant(False)}
        return tf.graph_util.import_graph_def(graph, given, [f"{_EMBEDDING}:0", f"{_TAGS}:0"])

    return network
