"""What a run reports while it trains: TensorBoard, `metrics.jsonl`, the progress bar's figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ada.audio.spectrogram import spectrogram_picture
from ada.data.spec import write_text_atomically
from ada.models.losses import NATS_TO_BITS
from ada.quantizers import perplexity
from ada.training.trainer import StepResult


class Summaries:
    """Writes scalars, audio, pictures and histograms of a run.

    Args:
      directory: of the run.
      step: training steps done. What an interrupted process reported beyond it is dropped from
        `metrics.jsonl`, for it will be reported again.
    """

    def __init__(self, directory: str, step: int = 0) -> None:
        self._directory = Path(directory)
        self._metrics = self._directory / "metrics.jsonl"
        if self._metrics.exists():
            lines = self._metrics.read_text(errors="replace").splitlines(keepends=True)
            kept = "".join(line for line in lines if _step_of(line) <= step)
            write_text_atomically(str(self._metrics), kept)
        self._writers = {
            name: tf.summary.create_file_writer(str(self._directory / name))
            for name in ("train", "validation")
        }

    def scalars(self, writer: str, step: int, values: dict[str, float]) -> None:
        """Writes scalars to TensorBoard and as one line to `metrics.jsonl`."""
        with self._writers[writer].as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        line = {"split": writer, "step": step} | {k: float(v) for k, v in values.items()}
        with self._metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._writers[writer].flush()

    def text(self, name: str, markdown: str) -> None:
        """Writes a text, such as the operative gin."""
        with self._writers["train"].as_default(0):
            tf.summary.text(name, markdown)

    def code_use(self, step: int, usage: np.ndarray) -> None:
        """Writes the histogram of code use: for every code its share, times the number of codes."""
        with self._writers["validation"].as_default(step):
            tf.summary.histogram("codebook/use_of_codes", usage * len(usage))

    def audio(self, step: int, name: str, audio: np.ndarray, sample_rate: int) -> None:
        """Writes a clip `[samples]` and its spectrogram."""
        with self._writers["validation"].as_default(step):
            tf.summary.audio(name, audio[np.newaxis, :, np.newaxis], sample_rate)
            tf.summary.image(f"{name}_spectrogram", spectrogram_picture(audio)[np.newaxis])
        self._writers["validation"].flush()


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, LookupError):
        return float("inf")  # torn as it was written, or damaged


def step_scalars(result: StepResult, usage: np.ndarray, active: bool) -> dict[str, Any]:
    """The scalars of a training step.

    Args:
      result: of the step.
      usage: code use over the long window, `[num_codes]`.
      active: whether the codes are used yet (not during an unquantised warm-up).
    """
    losses = {name: float(value) for name, value in result.losses.items()}
    conditional = "reconstruction_bits" if "commitment" in losses or len(usage) else "bits"
    values = {conditional: losses["nll"] * NATS_TO_BITS, "loss/total": sum(losses.values())}
    values |= {f"loss/{name}": value for name, value in losses.items()}
    for name, value in result.metrics.items():
        if name == "gradient_norm":
            values[name] = float(value)
        elif name != "usage":
            values[f"codebook/{name}"] = float(value)
    if len(usage) and usage.sum() > 0:
        values["codebook/perplexity"] = float(perplexity(tf.constant(usage)))
        # A code counts as used above a hundredth of an equal share.
        share = usage / usage.sum()
        values["codebook/used_codes"] = int(np.count_nonzero(share > 0.01 / len(usage)))
        values["codebook/active"] = float(active)
    return values
