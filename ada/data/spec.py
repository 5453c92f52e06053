"""The specification of a dataset, `dataset.json`: checked when read, written atomically."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ada
from ada.utils.errors import UserError, reason
from ada.utils.files import exists, is_dir, join, read_bytes, write_text_atomically
from ada.utils.jsonable import from_jsonable, later_field, parse_json, to_jsonable

FORMAT_VERSION = 1
SPEC_NAME = "dataset.json"
INDEX_NAME = "index.npz"
SPLITS = ("train", "validation", "test")
DTYPES = {"audio": ("int16",), "codes": ("uint8", "uint16", "int32")}
RECORD_STEPS = {"audio": 16384, "codes": 2048}


class DatasetError(UserError):
    """Something a user can mend: one line that says what is wrong with data, and the way out."""


@dataclass(frozen=True)
class FileSpec:
    """A file of the dataset and its size, so that a missing or truncated one is found.

    The index also has its checksum; the records of shards have theirs within.
    """

    name: str
    num_bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class SourceSpec:
    """A stretch of consecutive steps and where it came from.

    Attributes:
      name: unique among the sources of one offset of its split; a relative path, with `#1`, `#2`...
        for later segments.
      num_steps: its length in steps of this dataset.
      path: the original file, relative to the root of the input.
      segment: number of the stretch within the file (a cut-out region starts a new one).
      first_step: where it starts within its segment, in steps; not 0 only in splits by time.
      source_sample_rate: of the original file, Hz.
      channels: of the original file.
      file_bytes: size of the original file.
      sha256: of the original file's bytes.
      offset: of codes, the audio samples dropped before the audio was encoded, fewer than one code
        stands for. Not 0 in the train split only, where the source of offset 0 is there as well.
    """

    name: str
    num_steps: int
    path: str
    segment: int = 0
    first_step: int = 0
    source_sample_rate: int | None = None
    channels: int | None = None
    file_bytes: int | None = None
    sha256: str | None = None
    offset: int = later_field(0)


@dataclass(frozen=True)
class SplitSpec:
    """One of train, validation, test: its counts, hours, shards and sources in stored order.

    Hours are those of different audio: sources at offsets other than 0 do not add to them.
    """

    num_sources: int
    num_records: int
    num_steps: int
    hours: float
    shards: tuple[FileSpec, ...]
    sources: tuple[SourceSpec, ...]

    @property
    def num_offsets(self) -> int:
        """Number of offsets at which its audio was encoded; 1 unless it was asked for."""
        return len({source.offset for source in self.sources})


@dataclass(frozen=True)
class Dropped:
    """A file of the input that is not in the dataset, why, and its length where it is known."""

    path: str
    reason: str
    detail: str = ""
    secs: float | None = None


@dataclass(frozen=True)
class Cut:
    """Seconds of NaN or Inf that were cut out of a file."""

    path: str
    secs: float


@dataclass(frozen=True)
class Noted:
    """A note about an unusual file that is in the dataset; see `ada.audio.AudioNote`."""

    path: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Grouped:
    """Files that are in one split together, and why."""

    paths: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class DatasetSpec:
    """Everything about a dataset but its steps.

    Attributes:
      kind: "audio" (16-bit PCM) or "codes" (of an autoencoder).
      sample_rate: of the audio, Hz; of the audio below, for codes.
      hop_length: audio samples to one step; 1 for audio.
      num_classes: number of codes C; None for audio, where the model's companding decides.
      dtype: of a step on disk, little-endian.
      record_steps: steps in a record; only the last record of a source may have fewer.
      splits: by name, always train, validation and test, never empty.
      index: the file with the byte offset of every record.
      split_method: how sources were assigned to splits, in words.
      dropped: files left out; `cut`: regions cut out of files that are in.
      noted: what is unusual about files that are in; `grouped`: files kept in one split.
      upstream: for codes, the run and checkpoint that made them and the data they were made of.
      options: what the dataset was asked to be; a re-run with others is refused.
      preparation: how long the making took; not part of what the data is.
    """

    kind: str
    sample_rate: int
    hop_length: int
    num_classes: int | None
    dtype: str
    record_steps: int
    splits: dict[str, SplitSpec]
    index: FileSpec
    split_method: str
    dropped: tuple[Dropped, ...] = ()
    cut: tuple[Cut, ...] = ()
    upstream: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    preparation: dict[str, Any] = field(default_factory=dict)
    software_version: str = ada.__version__
    format_version: int = FORMAT_VERSION
    noted: tuple[Noted, ...] = later_field(())
    grouped: tuple[Grouped, ...] = later_field(())

    def __post_init__(self) -> None:
        if self.kind not in DTYPES:
            raise ValueError(f"kind must be one of {sorted(DTYPES)}, found {self.kind!r}")
        if self.dtype not in DTYPES[self.kind]:
            raise ValueError(
                f"dtype of {self.kind} must be one of {DTYPES[self.kind]}, found {self.dtype!r}"
            )
        for name in ("sample_rate", "hop_length", "record_steps"):
            value = getattr(self, name)
            if not 1 <= value < 2**31:
                bound = "at least 1" if value < 1 else "below 2^31"
                raise ValueError(f"{name} must be {bound}, found {value}")
        if self.kind == "audio" and (self.hop_length != 1 or self.num_classes is not None):
            raise ValueError("audio has hop_length 1 and no num_classes")
        if self.kind == "codes":
            largest = np.iinfo(self.dtype).max + 1
            if self.num_classes is None or not 1 <= self.num_classes <= largest:
                raise ValueError(f"num_classes {self.num_classes} does not fit {self.dtype}")
        if tuple(sorted(self.splits)) != tuple(sorted(SPLITS)):
            raise ValueError(f"splits must be {SPLITS}, found {sorted(self.splits)}")
        for name, split in self.splits.items():
            if not split.sources or split.num_sources != len(split.sources):
                raise ValueError(f"splits.{name}: num_sources does not fit its sources")
            if split.num_steps != sum(s.num_steps for s in split.sources):
                raise ValueError(f"splits.{name}: num_steps does not fit its sources")
            if min(s.num_steps for s in split.sources) < 1:
                raise ValueError(f"splits.{name}: a source has no steps")
            offsets = {s.offset for s in split.sources}
            if min(offsets) or (name != "train" and len(offsets) > 1):
                raise ValueError(
                    f"splits.{name}: offsets must be 0, in train others besides, found "
                    f"{min(offsets)} to {max(offsets)}"
                )
        for file in (self.index, *(shard for s in self.splits.values() for shard in s.shards)):
            if not file.name.strip(".") or "/" in file.name:
                raise ValueError(f"{file.name!r} is not the name of a file in the directory")

    @property
    def step_rate(self) -> float:
        """Steps to a second."""
        return self.sample_rate / self.hop_length

    def to_json(self) -> str:
        """The text of `dataset.json`."""
        return json.dumps(to_jsonable(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "DatasetSpec":
        """Reads the text of `dataset.json`.

        Raises:
          ValueError: if it is not JSON, not of this format version, or a field is wrong.
        """
        data = parse_json(text)
        if not isinstance(data, dict) or "format_version" not in data or "kind" not in data:
            raise ValueError("this is not the specification of an ada dataset")
        if data["format_version"] != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {data['format_version']!r}; this version of ada "
                f"({ada.__version__}) reads {FORMAT_VERSION}"
            )
        return from_jsonable(cls, data)

    def save(self, directory: str) -> None:
        """Writes `dataset.json` atomically: it is there whole or not at all."""
        write_text_atomically(join(directory, SPEC_NAME), self.to_json())

    @classmethod
    def load(cls, directory: str) -> "DatasetSpec":
        """Reads `dataset.json` of a directory.

        Raises:
          DatasetError: if there is none or it is not what it should be.
        """
        path = join(directory, SPEC_NAME)
        if not exists(path):
            raise DatasetError(_why_no_spec(directory))
        try:
            return cls.from_json(read_bytes(path).decode("utf-8"))
        except (ValueError, OSError) as error:
            message = f"{path} cannot be used: {reason(error)}."
            if "format_version" in message or "field" in message:
                message += (
                    " Another version of ada may have made it: use that one, or prepare again."
                )
            else:
                message += " Prepare it again."
            raise DatasetError(message) from error


def codes_dtype(num_classes: int) -> str:
    """The smallest dtype on disk that holds codes 0 .. num_classes - 1."""
    return next(d for d in DTYPES["codes"] if num_classes <= np.iinfo(d).max + 1)


def split_spec(
    sources: Iterable[SourceSpec],
    shards: Iterable[FileSpec],
    *,
    record_steps: int,
    step_rate: float,
) -> SplitSpec:
    """A `SplitSpec` with its counts worked out.

    Args:
      sources: in stored order.
      shards: in stored order.
      record_steps: steps in a record.
      step_rate: steps to a second.
    """
    sources = tuple(sources)
    num_steps = sum(s.num_steps for s in sources)
    return SplitSpec(
        num_sources=len(sources),
        num_records=sum(-(-s.num_steps // record_steps) for s in sources),
        num_steps=num_steps,
        hours=round(sum(s.num_steps for s in sources if not s.offset) / step_rate / 3600, 6),
        shards=tuple(shards),
        sources=sources,
    )


def _why_no_spec(directory: str) -> str:
    if not is_dir(directory):
        return f"There is no directory {directory}."
    if exists(join(directory, ".parts")):
        return (
            f"{directory} is not complete: its preparation was interrupted. Run the same command "
            "again; it resumes where it stopped."
        )
    return (
        f"{directory} is not a dataset: there is no {SPEC_NAME} in it. Make one of audio files "
        f"with `python -m ada.prepare_audio --output_dir={directory} ...`."
    )
