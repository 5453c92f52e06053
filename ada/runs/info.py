"""`run.json` of a run directory: the input of the run's model, and its origin."""

import contextlib
import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ada
from ada.audio import get_companding
from ada.utils.files import write_bytes_atomically
from ada.utils.jsonable import from_jsonable, parse_json, to_jsonable

if TYPE_CHECKING:
    from ada.data.pipeline import ToIds

FILE, FORMAT_VERSION = "run.json", 1


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """The input of a run's model, and its origin.

    Attributes:
      kind: "audio" or "codes": what its ids stand for.
      sample_rate: of the audio at the bottom of its chain, Hz.
      hop_length: audio samples to one id; 1 for audio.
      num_classes: number of ids.
      companding: how audio became ids (`ada.audio.COMPANDINGS`); None for codes.
      data_dir: the dataset it was trained on, as an absolute path.
      data_dir_from_run: the same from the run directory, for trees that were moved; empty for one
        behind a scheme.
      upstream: for codes, the run and checkpoint that made them (`ada.runs.upstream`).
      init_from: the run or pretrained name its weights started from, if any.
      part: what was trained (`AutoregressiveDiscreteAutoencoder.trained_part`).
      encoder_digest: of the checkpoint that the frozen encoder came from, where only the local
        model is trained: all checkpoints of the run then make the same codes. None otherwise.
    """

    kind: str
    sample_rate: int
    hop_length: int
    num_classes: int
    companding: str | None
    data_dir: str
    data_dir_from_run: str
    upstream: dict[str, Any] = dataclasses.field(default_factory=dict)
    init_from: str | None = None
    part: str = "all"
    encoder_digest: str | None = None
    software_version: str = ada.__version__
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {self.format_version}; this version of ada "
                f"({ada.__version__}) reads {FORMAT_VERSION}"
            )
        if self.kind not in ("audio", "codes"):
            raise ValueError(f"kind must be audio or codes, found {self.kind!r}")
        for name in ("sample_rate", "hop_length", "num_classes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.kind == "audio":
            encode, _ = get_companding(self.companding)
            encode(np.zeros(1, np.float32), self.num_classes)

    @classmethod
    def load(cls, directory: str | Path) -> "RunInfo":
        """Reads `run.json` of a run directory.

        Raises:
          OSError: if it cannot be read.
          ValueError: if it is not what it should be.
        """
        return from_jsonable(cls, parse_json((Path(directory) / FILE).read_text("utf-8")))

    def save(self, directory: str | Path) -> None:
        """Writes `run.json` of a run directory."""
        text = json.dumps(to_jsonable(self), indent=1) + "\n"
        write_bytes_atomically(Path(directory) / FILE, text.encode())

    def to_ids(self) -> "ToIds":
        """The function from stored steps to ids."""
        from ada.data.pipeline import audio_to_ids, codes_to_ids

        if self.kind == "audio":
            return audio_to_ids(self.num_classes, self.companding)
        return codes_to_ids()

    def milliseconds(self, steps: int) -> float:
        """The length of a number of ids."""
        return 1e3 * steps * self.hop_length / self.sample_rate

    def ids_to_audio(self, ids: Any) -> Any:
        """Ids to audio in [-1, 1], for an audio model."""
        _, decode = get_companding(self.companding)
        return decode(ids, self.num_classes)


def hint(directory: Path, error: Exception) -> str:
    """A hint for a file of a run directory that cannot be used.

    What another version of ada wrote is not damaged.
    """
    version = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        version = parse_json((directory / FILE).read_text("utf-8")).get("software_version")
    if isinstance(version, str) and version != ada.__version__:
        return (
            f"ada {version} wrote it, this is {ada.__version__}: use that version, or train again."
        )
    if isinstance(error, (ValueError, TypeError)) and re.search(
        "field|format_version|unexpected", str(error)
    ):
        return "Another version of ada may have written it: use that one, or train again."
    return "Copy the run directory again, or train in another."
