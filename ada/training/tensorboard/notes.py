"""Note F1 of reconstructions while an autoencoder trains: our measure, not the paper's."""

import functools

import keras
import numpy as np

from ada.audio import from_pcm16
from ada.data import Dataset
from ada.evaluation import transcription
from ada.evaluation.clips import spread_clips
from ada.evaluation.note_scores import agreement
from ada.evaluation.transcription import Transcription, transcribe_all
from ada.generation import Level, SamplingConfig, generate_level
from ada.generation.backends import default_batch_size
from ada.runs.info import RunInfo
from ada.training.settings import Intervals
from ada.utils import log

NUM_CLIPS = 4


class NoteListener:
    """Note F1 and frame F1 of reconstructions of clips from several validation sources.

    Args:
      model: built; the weights at the time of the call are used.
      dataset: whose validation split the clips come from.
      info: of the run.
      intervals: how often, length of the clips, and top-p of sampling.
      seed: random seed of sampling.
    """

    def __init__(
        self, model: keras.Model, dataset: Dataset, info: RunInfo, intervals: Intervals, seed: int
    ) -> None:
        self._model, self._dataset, self._info = model, dataset, info
        self._every, self._secs = intervals.notes, intervals.note_secs
        self._draws = SamplingConfig(seed, top_p=intervals.note_top_p)
        if not self._every:
            return
        if info.kind != "audio" or not model.num_codes:
            log.info("Intervals.notes is ignored: it is for autoencoders of audio with codes.")
            self._every = 0
        elif not transcription.is_installed():
            log.info(f"Note F1 is not measured: {transcription.HOW_TO_INSTALL}")
            self._every = 0

    def is_due(self, step: int, last: bool) -> bool:
        """Whether to measure after a step; never before the codebook is initialised."""
        if not self._every or not (step % self._every == 0 or last):
            return False
        return self._model.quantizer.is_active

    def __call__(self) -> dict[str, float]:
        """Returns "notes/note_f1" and "notes/frame_f1"; nothing where no clip has notes."""
        ids, reference = self._originals
        codes = self._model.encode(ids).numpy()
        drawn, _ = generate_level(self._level, len(ids), ids.shape[1], codes=codes)
        audio = np.asarray(self._info.ids_to_audio(drawn))
        made = transcribe_all(audio, self._info.sample_rate)
        found = agreement(reference, made)
        return {f"notes/{name}": one["mean"] for name, one in found.items() if one}

    @functools.cached_property
    def _originals(self) -> tuple[np.ndarray, list[Transcription]]:
        """Ids of the clips, int `[clips, steps]`, and transcriptions of the stored audio."""
        stored = spread_clips(self._dataset, "validation", NUM_CLIPS, self._secs / NUM_CLIPS)
        ids = np.asarray(self._info.to_ids()(stored))
        return ids, transcribe_all(np.asarray(from_pcm16(stored)), self._info.sample_rate)

    @functools.cached_property
    def _level(self) -> Level:
        # Compiled only once.
        return Level(self._model, self._draws, batch_size=default_batch_size("auto", NUM_CLIPS))
