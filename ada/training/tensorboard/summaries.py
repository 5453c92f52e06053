"""Writers of a run's TensorBoard events and `metrics.jsonl`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import summary as custom_scalar

from ada.models.losses import NATS_TO_BITS, explained_share
from ada.training.code_use import WINDOW_STEPS
from ada.training.tensorboard.pictures import codebook_health, codes_over_time, spectrograms
from ada.training.tensorboard.tags import DESCRIPTIONS, layout
from ada.training.trainer import StepResult
from ada.utils.files import write_text_atomically

# Metrics of a step that do not belong to the codebook.
_OF_OPTIMIZER = ("gradient_norm", "loss_scale")
METRICS = "metrics.jsonl"
# Where each of TensorBoard's runs is within the run directory.
_WRITERS = {"train": "train", "validation": "validation", "run": "."}


class Summaries:
    """Writes scalars, audio, pictures, histograms and texts of a run.

    "train" and "validation" are TensorBoard runs; "run", the directory itself, has the scores for
    the table of hyperparameters (`ada.training.tensorboard.hparams`).

    Args:
      directory: of the run.
      step: training steps done. Later lines, of an interrupted process, are dropped from
        `metrics.jsonl`, as they will be written again.
    """

    def __init__(self, directory: str, step: int = 0) -> None:
        self._directory = Path(directory)
        self._metrics = self._directory / METRICS
        if self._metrics.exists():
            lines = self._metrics.read_text("utf-8", errors="replace").splitlines(keepends=True)
            kept = "".join(line for line in lines if step_of_line(line) <= step)
            write_text_atomically(str(self._metrics), kept)
        self._writers = {
            name: tf.summary.create_file_writer(str(self._directory / folder))
            for name, folder in _WRITERS.items()
        }
        self._described: set[tuple[str, str]] = set()
        self.raw("train", custom_scalar.pb(layout()).SerializeToString())

    def scalars(self, writer: str, step: int, values: Mapping[str, float]) -> None:
        """Writes scalars to TensorBoard and as one line to `metrics.jsonl`."""
        self.drawn_scalars(writer, step, values)
        line = {"split": writer, "step": step} | {k: float(v) for k, v in values.items()}
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def drawn_scalars(self, writer: str, step: int, values: Mapping[str, float]) -> None:
        """Writes scalars to TensorBoard alone."""
        with self._writers[writer].as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value, description=self._description(writer, name))
        self._writers[writer].flush()

    def _description(self, writer: str, name: str) -> str | None:
        """The description of a tag, only once, as TensorBoard keeps the first."""
        if (writer, name) in self._described:
            return None
        self._described.add((writer, name))
        return DESCRIPTIONS.get(name)

    def text(self, name: str, markdown: str) -> None:
        """Writes a text, such as the operative gin."""
        with self._writers["train"].as_default(0):
            tf.summary.text(name, markdown)

    def raw(self, writer: str, summary: bytes) -> None:
        """Writes a serialised summary of a TensorBoard plugin."""
        with self._writers[writer].as_default(0):
            tf.summary.experimental.write_raw_pb(summary)
        self._writers[writer].flush()

    def code_use(self, step: int, usage: np.ndarray) -> None:
        """Writes the histogram of code use in validation, from the share of each code."""
        with self._writers["validation"].as_default(step):
            self._histogram("codebook/use_of_codes", usage * len(usage))

    def codebook(self, step: int, share: np.ndarray, ages: np.ndarray) -> None:
        """Writes histogram and picture of a codebook's health in training.

        Args:
          step: training steps done.
          share: of each code over the long window, `[num_codes]`.
          ages: steps since its last use, `[num_codes]`.
        """
        with self._writers["train"].as_default(step):
            self._histogram("codebook/ages", ages)
            self._picture("codebook/health", codebook_health(share, ages, WINDOW_STEPS))

    def weights(self, step: int, model: keras.Model) -> None:
        """Writes the histogram of every trained weight."""
        with self._writers["train"].as_default(step):
            for weight in model.trainable_weights:
                tf.summary.histogram(f"weights/{weight.path}", weight.numpy())

    def audio(self, step: int, clips: Mapping[str, np.ndarray], sample_rate: int) -> None:
        """Writes clips `[samples]` by name, and one picture of their spectrograms."""
        with self._writers["validation"].as_default(step):
            for name, clip in clips.items():
                sound, tag = clip[np.newaxis, :, np.newaxis], f"clips/{name}"
                tf.summary.audio(tag, sound, sample_rate, description=DESCRIPTIONS.get(tag))
            self._picture("clips/spectrograms", spectrograms(clips, sample_rate))

    def codes(
        self, step: int, rows: Mapping[str, np.ndarray], num_codes: Mapping[str, int]
    ) -> None:
        """Writes a picture of codes over time, `[steps]` by name."""
        with self._writers["validation"].as_default(step):
            self._picture("clips/codes", codes_over_time(rows, num_codes))

    def _picture(self, name: str, picture: np.ndarray) -> None:
        tf.summary.image(name, picture[np.newaxis], description=DESCRIPTIONS.get(name))

    def _histogram(self, name: str, values: np.ndarray) -> None:
        tf.summary.histogram(name, values, description=DESCRIPTIONS.get(name))


def read_metrics(run_dir: str | Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`."""
    lines = (Path(run_dir) / METRICS).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def bits_of(line: Mapping[str, Any]) -> float | None:
    """Bits per step in such a line, of an autoencoder given the codes; None if it has none."""
    return line.get("bits", line.get("reconstruction_bits"))


def step_of_line(line: str) -> float:
    """The step of a line of `metrics.jsonl`; infinity if the line is incomplete."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, LookupError):
        return float("inf")  # incomplete or damaged


def step_scalars(result: StepResult, health: Mapping[str, float], active: bool) -> dict[str, Any]:
    """The scalars of a training step.

    Args:
      result: of the step.
      health: of the codebook (`ada.training.code_use.health`); empty where there are no codes.
      active: whether queries are quantised yet; before, the health of the codebook is not reported.
    """
    losses = {name: float(value) for name, value in result.losses.items()}
    values = {"loss/total": sum(losses.values())}
    if "nll" in losses:
        conditional = "reconstruction_bits" if "usage" in result.metrics else "bits"
        values[conditional] = losses["nll"] * NATS_TO_BITS
    values |= {f"loss/{name}": value for name, value in losses.items()}
    for name, value in result.metrics.items():
        if name == "auxiliary_moments":
            values["conditioning/unexplained"] = 1.0 - explained_share(value)
        elif name != "usage":
            group = "optimizer" if name in _OF_OPTIMIZER else "codebook"
            values[f"{group}/{name}"] = float(value)
    if "usage" in result.metrics:
        values["codebook/active"] = float(active)
    if active:
        values |= {f"codebook/{name}": value for name, value in health.items()}
    return values
