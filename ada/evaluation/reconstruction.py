"""Original clips and what an autoencoder's decoder makes of their codes."""

from pathlib import Path

import numpy as np

from ada.audio.writing import write_wav
from ada.generation import Draws, Level, generate_level
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.runs import Run


def write_reconstructions(
    run: Run,
    output_dir: str,
    num_clips: int = 2,
    secs: float = 5.0,
    split: str = "validation",
    seed: int = 0,
    checkpoint: str = "best",
    data_dir: str | None = None,
) -> list[str]:
    """Writes `original_0.wav`, `reconstruction_0.wav`, ... of clips spread over a split.

    The decoder draws at temperature 1: a reconstruction keeps what the codes hold and makes up the
    rest.

    Args:
      run: of an audio autoencoder.
      output_dir: where the files go.
      num_clips: pairs.
      secs: length of each; shorter sources give shorter clips.
      split: where originals come from.
      seed: of the draws.
      checkpoint: "best" or "latest".
      data_dir: the dataset; the one that the run was trained on if None.

    Returns:
      Names of the files written, originals and reconstructions in turn.
    """
    model, dataset, info = run.load_model(checkpoint), run.open_dataset(data_dir), run.info
    wanted = round(secs * info.sample_rate)
    lengths = dataset.index(split).lengths
    names = []
    for clip in range(num_clips):
        source = clip % len(lengths)
        length = min(wanted, int(lengths[source]))
        # Spread evenly over a source, away from its ends, which are often silent.
        share = (clip // len(lengths) + 1) / (-(-num_clips // len(lengths)) + 1)
        start = int((lengths[source] - length) * share)
        stored = dataset.read(split, source, start, length)
        ids = np.asarray(info.to_ids()(stored))[np.newaxis]
        drawn = reconstruct(model, ids, Draws(seed), f"reconstruction {clip + 1} of {num_clips}")
        for kind, clip_ids in (("original", ids), ("reconstruction", drawn)):
            names.append(f"{kind}_{clip}.wav")
            audio = np.asarray(info.ids_to_audio(clip_ids[0]))
            write_wav(str(Path(output_dir) / names[-1]), audio, info.sample_rate)
    return names


def reconstruct(
    model: AutoregressiveDiscreteAutoencoder, ids: np.ndarray, draws: Draws, desc: str | None = None
) -> np.ndarray:
    """Encodes ids int32 `[1, steps]` and draws as many anew, given what the encoder made of them.

    Without codes (NSynth) that is the continuous embedding.
    """
    given = model.encode(ids) if model.num_codes else model.quantizer(model.queries(ids)).quantized
    level = Level(model, draws)
    return generate_level(level, 1, ids.shape[1], codes=given.numpy(), desc=desc)[0]
