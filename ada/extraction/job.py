"""Encoding one source of a dataset into a part of codes. Runs in any worker."""

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ada.data import Dataset, SourceSpec
from ada.data.spec import FORMAT_VERSION, RECORD_STEPS, SPEC_NAME, codes_dtype
from ada.models import AutoregressiveDiscreteAutoencoder
from ada.preparation.parts import PartJob, PartSummary, save_summary, write_part
from ada.preparation.runners import Interrupted, require_seen
from ada.runs.info import FILE as RUN_FILE
from ada.runs.run import Run
from ada.utils.errors import UserError
from ada.utils.files import join

# Ids encoded at a time, besides their context.
PIECE_STEPS = 2**17


class SourceEncoder:
    """Encodes whole sources piece by piece.

    Every piece is read with as much context as the encoder sees, so that its codes are those of
    encoding the source at once.

    Args:
      model: a built autoencoder.
      piece_steps: ids to a piece, rounded up to whole groups of codes.
    """

    def __init__(
        self, model: AutoregressiveDiscreteAutoencoder, piece_steps: int = PIECE_STEPS
    ) -> None:
        self.num_codes = model.num_codes
        self._hop, self._alignment = model.hop_length, model.alignment
        field = model.encoder_field
        self._past = self._whole(field.past)
        self._future = self._whole(field.future)
        self._piece_steps = self._whole(piece_steps)
        self._encode = tf.function(
            model.encode, input_signature=[tf.TensorSpec([1, None], tf.int32)], autograph=False
        )

    def _whole(self, steps: int) -> int:
        return -(-steps // self._alignment) * self._alignment

    def blocks(self, read: Any, num_steps: int) -> Iterator[np.ndarray]:
        """Yields the codes of a source, in order.

        Args:
          read: a function of (start, length) to int32 ids `[length]`.
          num_steps: ids of the source.
        """
        for start in range(0, num_steps, self._piece_steps):
            stop = min(start + self._piece_steps, num_steps)
            first = max(start - self._past, 0)
            ids = read(first, min(stop + self._future, num_steps) - first)
            codes = self._encode(tf.constant(ids)[tf.newaxis])[0].numpy()
            skipped = (start - first) // self._hop
            yield codes[skipped : skipped + -(-(stop - start) // self._hop)]


@dataclass(frozen=True)
class CodesJob(PartJob):
    """One source to be encoded into a part.

    Attributes:
      run_dir: run directory of the autoencoder; every worker must be able to reach it.
      checkpoint: "best" or "latest".
      digest: of its encoder (`Run.codes_digest`); a worker that finds another one refuses.
      data_dir: the dataset that holds the source.
      output_dir: of the dataset of codes.
      split: of the source.
      number: of the source in its split.
      source: what the dataset says of it; a worker that finds another one refuses.
      shift: steps of the source that are dropped before it is encoded.
    """

    run_dir: str
    checkpoint: str
    digest: str
    data_dir: str
    output_dir: str
    split: str
    number: int
    source: SourceSpec
    shift: int = 0

    @property
    def name(self) -> str:
        """Unique within the dataset."""
        # In front of the slash, so that it cannot be part of a file's name.
        shifted = self.source.offset or self.shift
        where = f"+{self.source.offset}+{self.shift}" if shifted else ""
        return f"{self.split}{where}/{self.source.name}"

    def fingerprint(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "source": self.source,
            "shift": self.shift,
            "record_steps": RECORD_STEPS["codes"],
            "format_version": FORMAT_VERSION,
        }

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Makes the part; nothing where it is complete, as runners may run a job twice.

        Args:
          stop: asked between pieces.

        Raises:
          Interrupted: if `stop` says so.
          UserError: if the run or the dataset is no longer what the job was made for.
        """
        if self.is_done():
            return
        for path in (join(self.run_dir, RUN_FILE), join(self.data_dir, SPEC_NAME)):
            require_seen(path)
        loaded = _loaded(self.run_dir, self.checkpoint, self.digest, self.data_dir)
        dataset = loaded.dataset
        if dataset.sources(self.split)[self.number : self.number + 1] != (self.source,):
            raise UserError(
                f"{self.data_dir} was changed while it was being encoded: source {self.number} of "
                f"{self.split} is not {self.source.name} as it was. Run the command again."
            )

        def read(start: int, length: int) -> np.ndarray:
            if stop():
                raise Interrupted
            steps = dataset.read(self.split, self.number, self.shift + start, length)
            return loaded.to_ids(tf.constant(steps)).numpy()

        encoder = loaded.encoder
        written = write_part(
            self.part_path,
            self.source.name,
            ((0, codes) for codes in encoder.blocks(read, self.source.num_steps - self.shift)),
            record_steps=RECORD_STEPS["codes"],
            dtype=codes_dtype(encoder.num_codes),
        )
        save_summary(self.part_path, PartSummary(written, self.fingerprint()))


class _Loaded(NamedTuple):
    """Model and dataset, which all jobs of a worker process share."""

    encoder: SourceEncoder
    to_ids: Callable
    dataset: Dataset


# Threads of one worker ask at the same time; all but the first wait for what it loads.
_loading = threading.Lock()


def _loaded(run_dir: str, checkpoint: str, digest: str, data_dir: str) -> _Loaded:
    with _loading:
        return _load(run_dir, checkpoint, digest, data_dir)


@functools.lru_cache(maxsize=1)
def _load(run_dir: str, checkpoint: str, digest: str, data_dir: str) -> _Loaded:
    """Loads model and dataset, once a process."""
    run = Run.open(run_dir)
    model = run.load_model(checkpoint)
    # After loading, so that what was loaded is what is named.
    found = run.codes_digest(checkpoint)
    if found != digest:
        raise UserError(
            f"{run_dir} was trained further while it was encoding: its {checkpoint} checkpoint was "
            f"{digest} and is now {found}. Run the command again once it is trained."
        )
    return _Loaded(SourceEncoder(model), run.info.to_ids(), Dataset.open(data_dir))
