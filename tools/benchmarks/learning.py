"""Learning per minute: the bits a sample that a plain WaveNet reaches in a budget of seconds.

The protocol: files in order of their names, mono, 16 kHz, one after the other; the first 90 %
trains; the rest validates on 64 windows of 8192 samples spread evenly, of which the last 4096 are
scored. Only training counts: not compiling, not validating. The steps that fit the budget are
worked out beforehand from the speed of a few, for the learning rate's schedule.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ada.audio import pcm16, read_audio
from ada.config import configuration
from ada.data import Dataset, training_batches
from ada.data.pipeline import ToIds, audio_to_ids
from ada.models.losses import NATS_TO_BITS
from ada.preparation.inputs import find_files, why_not_audio
from ada.training import TrainingSettings
from ada.training.launch import make_trainer
from ada.utils import resources
from ada.utils.progress import progress_bar
from tools.benchmarks.datasets import SAMPLE_RATE, write_audio

TRAINING_SHARE = 0.9
WINDOWS, WINDOW_STEPS, SCORED_STEPS = 64, 8192, 4096
POINTS = 4  # of the curve
TRIAL_SECS = 10.0


def run(flags: Any) -> list[dict[str, Any]]:
    """The curve: a row at each quarter of the budget."""
    settings = configuration.load(flags.gin_file or ["gin/learning.gin"], flags.gin_param)
    configuration.warn_of_unused(flags.gin_param)
    patterns = flags.input_audio_filepatterns or [str(resources.sample_audio_dir())]
    files = [f.path for f in find_files(patterns) if why_not_audio(f.path) is None]
    with tempfile.TemporaryDirectory() as directory:
        dataset = _concatenated(directory, sorted(files))
        steps = flags.train_steps
        if not steps:
            rate = _steps_per_sec(settings, dataset, min(TRIAL_SECS, flags.budget_secs))
            steps = max(int(rate * flags.budget_secs), POINTS)
        settings = dataclasses.replace(settings, num_steps=steps)
        return _learn(settings, dataset)


def _learn(settings: TrainingSettings, dataset: Dataset) -> list[dict[str, Any]]:
    trainer = make_trainer(settings)
    windows = _validation_windows(settings, dataset)
    log_prob = tf.function(trainer.model.log_prob, jit_compile=True, autograph=False)
    batches = iter(_batches(settings, dataset))
    trainer.train_step(next(batches))
    results, spent = [], 0.0
    with progress_bar(total=settings.num_steps, desc="learning", unit="step") as bar:
        for point in range(POINTS):
            stop = settings.num_steps * (point + 1) // POINTS
            start = time.monotonic()
            while trainer.step < stop:
                trainer.train_step(next(batches))
                bar.update()
            spent += time.monotonic() - start
            with trainer.polyak.in_place():
                bits = _bits(log_prob, windows)
            bar.set_postfix_str(f"{bits:.3f} bits", refresh=True)
            samples = stop * settings.batch_size * settings.crop_steps
            results.append(
                {
                    "seconds": round(spent, 1),
                    "steps": stop,
                    "samples": samples,
                    "samples_per_second": round(samples / spent),
                    "parameters": trainer.model.count_params(),
                    "receptive_field": trainer.model.receptive_field,
                    "bits": round(bits, 4),
                }
            )
    return results


def _steps_per_sec(settings: TrainingSettings, dataset: Dataset, secs: float) -> float:
    trainer = make_trainer(settings)
    batches = iter(_batches(settings, dataset))
    trainer.train_step(next(batches))
    start = time.monotonic()
    while (spent := time.monotonic() - start) < secs:
        trainer.train_step(next(batches))
        steps = trainer.step - 1  # waits for the step
    return steps / spent


def _bits(log_prob: Callable[[np.ndarray], tf.Tensor], windows: np.ndarray) -> float:
    """Mean -log2 p of what is scored of the windows."""
    scored = [
        log_prob(window[np.newaxis]).numpy()[0, -SCORED_STEPS:].mean(dtype=np.float64)
        for window in windows
    ]
    return -float(np.mean(scored)) * float(NATS_TO_BITS)


def _batches(settings: TrainingSettings, dataset: Dataset) -> tf.data.Dataset:
    return training_batches(
        dataset,
        batch_size=settings.batch_size,
        crop_steps=settings.crop_steps,
        seed=settings.seed,
        to_ids=_to_ids(settings),
    )


def _validation_windows(settings: TrainingSettings, dataset: Dataset) -> np.ndarray:
    """Ids of the windows, int32 `[windows, steps]`."""
    validation = dataset.read("validation", 0)
    starts = np.linspace(0, len(validation) - WINDOW_STEPS, WINDOWS).astype(int)
    pcm = np.stack([validation[start : start + WINDOW_STEPS] for start in starts])
    return _to_ids(settings)(tf.constant(pcm)).numpy()


def _concatenated(directory: str, paths: list[str]) -> Dataset:
    """A dataset of one source a split."""
    bar = progress_bar(paths, desc="reading", unit="file")
    audio = np.concatenate([pcm16(read_audio(path, SAMPLE_RATE)) for path in bar])
    border = int(TRAINING_SHARE * len(audio))
    rest = audio[border:]
    return write_audio(
        directory, {"train": [audio[:border]], "validation": [rest], "test": [rest[:SAMPLE_RATE]]}
    )


def _to_ids(settings: TrainingSettings) -> ToIds:
    return audio_to_ids(companding=settings.companding)
