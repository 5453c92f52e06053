"""The notes of a system's clips, measured where the transcriber is installed."""

from typing import Any

import numpy as np

from ada.evaluation import clips as real
from ada.evaluation import transcription
from ada.evaluation.note_scores import MOST_REAL_CLIPS, generated_scores, reconstruction_scores
from ada.evaluation.notes import Notes
from ada.evaluation.reconstruction import Reconstructions
from ada.runs.run import Run
from ada.utils import log


class NoteEvaluation:
    """Collects what is measured. Without the transcriber it says so once and measures nothing.

    Attributes:
      active: whether notes are measured.
      scores: see `ada.evaluation.note_scores`; empty if nothing was measured.
      notes: those of the clips, by the names of their files.
    """

    def __init__(self) -> None:
        self.scores: dict[str, Any] = {}
        self.notes: dict[str, Notes] = {}
        self.active = transcription.is_installed()
        if not self.active:
            log.warning(f"notes are not measured: {transcription.HOW_TO_INSTALL}")

    def reconstructed(self, clips: Reconstructions) -> None:
        """Measures how many notes reconstructions keep."""
        if self.active:
            self._add(*reconstruction_scores(clips))

    def generated(
        self,
        audio: np.ndarray,
        run: Run,
        split: str,
        data_dir: str | None = None,
        seed: int = 0,
    ) -> None:
        """Measures generated clips, and real ones of the same length; where no source is as long,
        both are cut.

        Args:
          audio: generated clips `[clips, samples]` in [-1, 1].
          run: the bottom run of the chain that made them.
          split: of the real clips.
          data_dir: the dataset of the real clips; the one that the run was trained on if None.
          seed: of the controls.
        """
        if not self.active:
            return
        dataset = run.open_dataset(data_dir)
        secs = audio.shape[1] / run.info.sample_rate
        count = min(max(real.fitting(dataset, split, secs), 1), MOST_REAL_CLIPS)
        others = real.stored_to_audio(run, real.spread_clips(dataset, split, count, secs))
        audio = audio[:, : others.shape[1]]
        self._add(*generated_scores(audio, others, run.info.sample_rate, seed))

    def _add(self, scores: dict[str, Any], notes: dict[str, Notes]) -> None:
        self.scores |= scores
        self.notes |= notes
