"""The run directory: everything that later stages need of a trained model.

operative.gin     what took effect, to read (nothing parses it again)
model.json        Keras config: the model is rebuilt from it
run.json          what the model reads and where it came from (`RunInfo`)
dataset.json      specification of the data it was trained on
checkpoints/      the newest few; checkpoints/best: the best by validation
sampling.json     sampling values that sound best, if there are any (`ada.runs.sampling_defaults`)
metrics.jsonl     one line a logged step or validation
train/ validation/  TensorBoard events
"""

import contextlib
import dataclasses
import hashlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ada import pretrained
from ada.data.differences import differing_data
from ada.data.spec import DatasetSpec
from ada.runs.checkpoint_files import (
    BEST,
    existing_checkpoints,
    files,
    has_index,
    read_newest,
    restore,
    unreadable,
)
from ada.runs.info import RunInfo, hint
from ada.runs.moved_data import find_data
from ada.utils.errors import UserError, first_line
from ada.utils.files import absolute, exists, require_local, write_text_atomically
from ada.utils.jsonable import parse_json

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ada.data import Dataset
    from ada.models import PolyakAverage


def _unusable() -> tuple[type[Exception], ...]:
    """Exceptions for a damaged configuration of a model."""
    ours = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
    tf = sys.modules.get("tensorflow")
    return (*ours, MemoryError, RecursionError, *([tf.errors.OpError] if tf else []))


def _damaged(path: str | Path, what: str, error: Exception) -> UserError:
    message = f"{path} cannot be {what}: {first_line(error).rstrip('.')}."
    return UserError(f"{message} {hint(Path(path).parent, error)}")


def inference_checkpoint(model: "keras.Model", polyak: "PolyakAverage") -> "tf.train.Checkpoint":
    """The part of a training's checkpoints for inference: averaged and untrained weights.

    That is the quantiser's state, and what a front end copied from the level below.
    """
    import tensorflow as tf

    averages = tf.Module()
    averages.averages = polyak.averages
    state = {} if model.quantizer is None else {"quantizer": model.quantizer}
    if model.quantizer is not None and model.encoder.front_end is not None:
        encoder = tf.train.Checkpoint(front_end=model.encoder.front_end)
        state["encoder"] = encoder
    return tf.train.Checkpoint(polyak=averages, model=tf.train.Checkpoint(**state))


# Names in a run directory.
RUN_FILES = (
    "run.json",
    "operative.gin",
    "model.json",
    "dataset.json",
    "metrics.jsonl",
    "checkpoints",
)
# The folder of a run directory that holds the run of its first phase.
BOTTLENECK = "bottleneck"


class Run:
    """An existing run directory.

    Attributes:
      directory: its path.
      info: `RunInfo`.
      spec: the specification of its training data.
    """

    def __init__(self, directory: str, info: RunInfo, spec: DatasetSpec) -> None:
        self.directory = directory
        self.info = info
        self.spec = spec

    @staticmethod
    def exists(directory: str) -> bool:
        """Whether a run was started there."""
        require_local(directory)
        return (Path(directory) / "run.json").exists()

    @classmethod
    def create(
        cls,
        directory: str,
        info: RunInfo,
        spec: DatasetSpec,
        model: "keras.Model",
        operative_gin: str,
    ) -> "Run":
        """Writes the directory of a new run; `run.json` last, so that it is whole or not there."""
        from ada.runs.model_json import model_config

        require_local(directory)
        path = Path(directory)
        path.mkdir(parents=True, exist_ok=True)
        write_text_atomically(str(path / "operative.gin"), operative_gin)
        write_text_atomically(str(path / "model.json"), model_config(model))
        spec.save(directory)
        info.save(directory)
        return cls(directory, info, spec)

    def moved_data(self, data_dir: str, data_dir_from_run: str) -> "Run":
        """Notes another place of the data that it is trained on; returns the run with that."""
        places = {"data_dir": data_dir, "data_dir_from_run": data_dir_from_run}
        info = dataclasses.replace(self.info, **places)
        info.save(self.directory)
        return Run(self.directory, info, self.spec)

    @classmethod
    def open(cls, directory: str) -> "Run":
        """Opens a run directory, or that of a pretrained system: `piano_hop64/prior_hop64`.

        Raises:
          UserError: if there is none, or a file of it cannot be read.
        """
        directory = pretrained.resolve(directory)
        if not cls.exists(directory):
            raise UserError(f"{directory} is not a run directory (no run.json). Train it first.")
        try:
            info = RunInfo.load(directory)
        except (OSError, ValueError) as error:
            raise _damaged(f"{directory}/run.json", "used", error) from error
        return cls(directory, info, DatasetSpec.load(directory))

    @property
    def has_frozen_codes(self) -> bool:
        """Whether the codes are those of another run (`--init_from`): only the local model was
        trained, and not after a first phase of its own.
        """
        first = Path(self.directory) / BOTTLENECK
        own = first.exists() or absolute(self.info.init_from or "") == absolute(str(first))
        return self.info.part == "local_model" and not own

    def operative_gin(self) -> str:
        """The text of `operative.gin`."""
        return (Path(self.directory) / "operative.gin").read_text("utf-8", errors="replace")

    def write_operative_gin(self, text: str) -> None:
        """Replaces `operative.gin`: a resumed run may have other intervals or more steps."""
        write_text_atomically(str(Path(self.directory) / "operative.gin"), text)

    def model_config(self) -> str:
        """The text of `model.json`; raises UserError if it is damaged."""
        with self._usable_model_json() as path:
            text = path.read_text("utf-8")
            parse_json(text)
            return text

    def open_dataset(self, directory: str | None = None) -> "Dataset":
        """Opens the dataset that the run was trained on, or another one that its model can read.

        Args:
          directory: of the other one, of any sources; None for its own.

        Raises:
          UserError: if it is not there, not what it was, or codes of another encoder.
        """
        from ada.data import Dataset

        found = directory or find_data(self.directory, self.info, self.spec)
        if not found:
            raise UserError(
                f"{self.directory} comes without the data that it was trained on: name others, of "
                "the same kind, by --data_dir."
            )
        if directory is None and not exists(found):
            raise UserError(
                f"{self.directory} was trained on {found}, which is not there any more: name where "
                "it is now by --data_dir."
            )
        dataset = Dataset.open(found)
        message = differing_data(self.spec, dataset.spec)
        if message:
            raise UserError(
                f"{found} holds other data than {self.directory} was trained on: {message}. Name "
                "another --data_dir."
            )
        if directory is None and dataset.spec.splits != self.spec.splits:
            raise UserError(
                f"{found} has changed since {self.directory} was trained on it: give --data_dir "
                "to use it all the same."
            )
        return dataset

    def configured_model(self) -> "keras.Model":
        """The model as configured, without weights.

        Raises:
          UserError: if `model.json` is not there, damaged, or asks for anything but our layers.
        """
        from ada.runs.model_json import model_from_config

        with self._usable_model_json() as path:
            model = model_from_config(path.read_text("utf-8"))
            if model.num_classes != self.info.num_classes:
                raise ValueError(
                    f"it has {model.num_classes} classes, run.json says {self.info.num_classes}"
                )
            return model

    def build_model(self) -> "keras.Model":
        """The model as configured, with fresh weights."""
        model = self.configured_model()
        with self._usable_model_json():
            model.build()
        return model

    @contextlib.contextmanager
    def _usable_model_json(self) -> Iterator[Path]:
        path = Path(self.directory) / "model.json"
        try:
            yield path
        except _unusable() as error:
            raise _damaged(path, "used", error) from error

    def load_model(self, checkpoint: str = "best") -> "keras.Model":
        """The trained model, with averaged (Polyak) weights.

        Args:
          checkpoint: "best" by validation (the newest where there was none), or "latest".

        Raises:
          UserError: if nothing was saved yet.
        """
        from ada.models import PolyakAverage
        from ada.runs.old_formats import OldScale

        model = self.build_model()
        polyak, old_scale = PolyakAverage(model), OldScale()

        def read(path: str) -> None:
            status = restore(inference_checkpoint(model, polyak), path)
            status.assert_existing_objects_matched().expect_partial()
            restore(old_scale.checkpoint, path).expect_partial()

        try:
            read_newest(lambda: self.checkpoint_path(checkpoint), read)
        except unreadable() as error:
            raise _damaged(self.checkpoint_path(checkpoint), "restored", error) from error
        polyak.copy_to_model()
        old_scale.fold_into(model)
        if model.quantizer is not None and not model.quantizer.is_active:
            raise UserError(
                f"{self.directory} is still in its warm-up without a codebook: train it further."
            )
        return model

    def checkpoint_path(self, checkpoint: str = "best") -> str:
        """The path prefix of a checkpoint, "best" or "latest"."""
        folder = Path(self.directory) / "checkpoints"
        places = {"best": (folder / BEST, folder), "latest": (folder, folder / BEST)}
        if checkpoint not in places:
            raise UserError(f"checkpoint must be one of {sorted(places)}, got {checkpoint!r}.")
        there = [path for place in places[checkpoint] for path in existing_checkpoints(str(place))]
        # A disk that is full leaves half an index behind the checkpoints that are good.
        for path in itertools.chain(filter(has_index, there), there):
            return path
        raise UserError(f"{self.directory} holds no checkpoint yet. Train it first.")

    def codes_digest(self, checkpoint: str = "best") -> str:
        """Names the encoder of a checkpoint: two datasets of codes with the same came from one."""
        return self.info.encoder_digest or self.identity(checkpoint)["digest"]

    def identity(self, checkpoint: str = "best") -> dict[str, Any]:
        """Names this run and checkpoint, for those who build on it.

        Returns:
          "run_dir", "checkpoint" (its name), and "digest" of the checkpoint's bytes.
        """

        def read(path: str) -> tuple[str, str]:
            digest = hashlib.sha256()
            for file in sorted(files(path)):
                digest.update(file.read_bytes())
            # Removed meanwhile, it was half of one.
            Path(f"{path}.index").stat()
            return path, digest.hexdigest()[:16]

        path, digest = read_newest(lambda: self.checkpoint_path(checkpoint), read)
        return {
            "run_dir": self.directory,
            "checkpoint": str(Path(path).relative_to(self.directory)),
            "digest": digest,
        }
