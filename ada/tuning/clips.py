"""The clips of a fine-tuning: songs through the system before and after it, and new ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ada.audio.writing import write_wav
from ada.data import Dataset
from ada.evaluation.comparison import Options
from ada.evaluation.copies import memorised, near_copies
from ada.evaluation.generated import generate_clips
from ada.evaluation.reconstruction import reconstruct_clips
from ada.runs.chain import Chain
from ada.tuning.budget import ClipPlan
from ada.utils.files import write_text_atomically

FOLDER, COPIES = "clips", "copies.json"
SPLIT = "validation"


def make(
    root: Path,
    system: list[str],
    data_dir: str,
    codes_dir: str | None,
    plan: ClipPlan,
    when: str,
    seed: int,
) -> None:
    """Writes `song1-original.wav`, `song1-<when>.wav`, and after training `new1.wav`, and so on.

    Args:
      root: of the fine-tuning; clips go into a folder of it.
      system: run directories, top first.
      data_dir: the dataset of the music. Songs are of its validation split, which is not learnt.
      codes_dir: the dataset of the top level; None where that is the audio.
      plan: how many, how long.
      when: "before" or "after".
      seed: of the draws.
    """
    chain = Chain.open(system)
    draws = Options(seed=seed).draws(chain)
    rate, folder = chain.runs[-1].info.sample_rate, root / FOLDER
    if chain.runs[-1].configured_model().num_codes:
        songs = reconstruct_clips(
            chain, SPLIT, plan.number, plan.secs, data_dir=data_dir, draws=draws
        )
        _write(folder, "song{}-original", songs.stored, rate)
        _write(folder, f"song{{}}-{when}", songs.made[max(songs.made)], rate)
    if when == "after":
        new = generate_clips(chain, plan.number, plan.secs, draws)
        _write(folder, "new{}", new.audio, rate)
        found = {
            "codes": memorised(chain, new.top_ids, SPLIT, codes_dir),
            "sound": _near_copies(chain, new.audio, data_dir),
        }
        write_text_atomically(str(folder / COPIES), json.dumps(found) + "\n")


def _write(folder: Path, name: str, clips: np.ndarray, sample_rate: int) -> None:
    for number, clip in enumerate(clips, start=1):
        write_wav(str(folder / f"{name.format(number)}.wav"), clip, sample_rate)


def _near_copies(chain: Chain, audio: np.ndarray, data_dir: str) -> dict[str, float] | None:
    """See `near_copies`; None if the system did not learn from this music at all."""
    bottom = chain.runs[-1]
    if bottom.info.init_from is None:
        return None
    return near_copies(bottom, audio, SPLIT, Dataset.open(data_dir))


def read_copies(root: Path) -> dict[str, Any]:
    """The similarity of new clips to the music, as `make` measured it; None where unknown."""
    path = root / FOLDER / COPIES
    return json.loads(path.read_text("utf-8")) if path.exists() else {"codes": None, "sound": None}
