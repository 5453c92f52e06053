"""Original clips, what decoders make of their codes, and how far apart the two are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ada.audio.writing import from_pcm16, write_wav
from ada.evaluation.clips import ids_to_audio, spread_clips
from ada.generation import Level, SamplingConfig, generate_level, modes
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.runs.chain import Chain

NUM_CLIPS, CLIP_SECS = 4, 5.0


class Reconstructions(NamedTuple):
    """Clips of a split and their reconstructions.

    Attributes:
      sample_rate: Hz.
      original: float32 `[clips, samples]`, as ids hold it.
      made: the same by number of levels that it went through, from 1: through the codes of the
        lowest autoencoder, of the one above, and so on.
      stored: the originals before they became ids, float32 `[clips, samples]`.
    """

    sample_rate: int
    original: np.ndarray
    made: dict[int, np.ndarray]
    stored: np.ndarray

    def write(self, output_dir: str) -> None:
        """Writes `original_0.wav`, `reconstruction_0.wav`, `reconstruction2_0.wav`, ..."""
        for name, clips in self.named().items():
            for number, clip in enumerate(clips):
                write_wav(str(Path(output_dir) / f"{name}_{number}.wav"), clip, self.sample_rate)

    def file_names(self) -> list[str]:
        """The names of those files."""
        return [
            f"{name}_{n}.wav" for name, clips in self.named().items() for n in range(len(clips))
        ]

    def named(self) -> dict[str, np.ndarray]:
        """The clips by the names of their files."""
        names = {1: "reconstruction"}
        made = {names.get(depth, f"reconstruction{depth}"): c for depth, c in self.made.items()}
        return {"original": self.original} | made

    def distances(self) -> list[dict[str, Any]]:
        """Over all clips, for each number of "levels", from 1; see `ada.evaluation.spectral`.

        What codes do not hold is made up: spectra are compared, not waveforms.
        """
        from ada.evaluation.spectral import log_mel_distance, stft_distances

        return [
            {"levels": depth}
            | stft_distances(self.original, made)
            | {"log_mel_db": log_mel_distance(self.original, made, self.sample_rate)}
            for depth, made in self.made.items()
        ]


def reconstruct_clips(
    chain: Chain,
    split: str = "validation",
    num_clips: int = NUM_CLIPS,
    secs: float = CLIP_SECS,
    data_dir: str | None = None,
    *,
    draws: Sequence[SamplingConfig],
) -> Reconstructions:
    """Reconstructs clips spread over a split, through every number of levels.

    A reconstruction keeps what the codes hold; decoders make up the rest.

    Args:
      chain: with autoencoders, down to audio.
      split: where originals come from.
      num_clips: how many.
      secs: length of each; less if no source is as long.
      data_dir: the dataset; the one that the bottom run was trained on if None.
      draws: how every level is sampled, top first; the last ones are those of the decoders.
    """
    run = chain.runs[-1]
    stored = spread_clips(run.open_dataset(data_dir), split, num_clips, secs)
    ids = np.asarray(run.info.to_ids()(stored))
    original, stored = ids_to_audio(run, ids), np.asarray(from_pcm16(stored))
    model = chain.load_model(len(chain.runs) - 1)
    if not model.num_codes:
        made = {1: ids_to_audio(run, _through_embedding(model, ids, draws[-1]))}
        return Reconstructions(run.info.sample_rate, original, made, stored)
    made = {}
    decoders = modes.decoders_of(chain)
    pieces = {f"clip {number}": clip for number, clip in enumerate(ids)}
    for depth in range(1, len(decoders.runs) + 1):
        lower = Chain(decoders.runs[-depth:], decoders.checkpoints[-depth:])
        request = modes.upsampled_audio(lower, pieces, range(num_clips))
        drawn = request.stream(draws, batch_size=num_clips, progress=True).collect()
        made[depth] = ids_to_audio(run, drawn[-1][0])
    return Reconstructions(run.info.sample_rate, original, made, stored)


def _through_embedding(
    model: AutoregressiveDiscreteAutoencoder, ids: np.ndarray, draws: SamplingConfig
) -> np.ndarray:
    """Draws as many ids `[clips, steps]` again, given their continuous embedding (NSynth)."""
    level, made = Level(model, draws), []
    for number, row in enumerate(ids, start=1):
        given = model.quantizer(model.queries(row[np.newaxis])).quantized.numpy()
        desc = f"reconstruction {number} of {len(ids)}"
        made.append(generate_level(level, 1, len(row), codes=given, desc=desc)[0])
    return np.concatenate(made)
