"""Which source goes into which split: by a hash of its name, by MAESTRO's csv, or by time."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ada.data.spec import SPLITS, DatasetError
from ada.utils.errors import reason
from ada.utils.files import join, read_bytes

# Below this number of files, a split by file leaves splits empty.
MIN_FILES = len(SPLITS)
# Records between two splits of one recording that belong to neither.
GAP_RECORDS = 1


def hash_position(name: str) -> float:
    """A stable number in [0, 1) for a name, the same on every machine and in every run."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def split_by_hash(
    names: Sequence[str], validation_fraction: float, test_fraction: float
) -> dict[str, str]:
    """Assigns files to splits by the hash of their names; no split stays empty.

    A file keeps its split when others come or go, except for those that have to move because a
    split would have been empty: then the file whose hash lies nearest moves.

    Args:
      names: at least three, all different.
      validation_fraction: share of files, on average.
      test_fraction: share of files, on average.

    Returns:
      Split by name.

    Raises:
      ValueError: for fewer than three names.
    """
    if len(set(names)) < MIN_FILES:
        raise ValueError(f"{len(set(names))} files do not fill three splits")
    # Along the hash: test, then validation, then train.
    order = ("test", "validation", "train")
    ranked = sorted(set(names), key=lambda name: (hash_position(name), name))
    members: dict[str, list[str]] = {split: [] for split in order}
    for name in ranked:
        position = hash_position(name)
        if position < test_fraction:
            members["test"].append(name)
        elif position < test_fraction + validation_fraction:
            members["validation"].append(name)
        else:
            members["train"].append(name)
    for place, split in enumerate(order):
        if not members[split]:
            donor = max(order, key=lambda other: len(members[other]))
            nearest = 0 if order.index(donor) > place else -1
            members[split].append(members[donor].pop(nearest))
    return {name: split for split, names_of in members.items() for name in names_of}


@dataclass(frozen=True)
class Span:
    """Consecutive records of a source that go into one split.

    Attributes:
      source: position in the list of sources.
      first_record: of the source.
      num_records: how many.
      split: where they go.
    """

    source: int
    first_record: int
    num_records: int
    split: str


def split_by_time(
    num_records: Sequence[int], validation_fraction: float, test_fraction: float
) -> list[Span]:
    """Cuts sources, laid end to end, into train, validation and test, with gaps between.

    Args:
      num_records: records of each source.
      validation_fraction: share of the records.
      test_fraction: share of the records.

    Returns:
      Spans in order; `GAP_RECORDS` between two splits belong to none.

    Raises:
      DatasetError: if there are too few records.
    """
    total = sum(num_records)
    usable = total - 2 * GAP_RECORDS
    if usable < len(SPLITS):
        raise DatasetError(
            f"One or two files are split by time, which takes at least "
            f"{len(SPLITS) + 2 * GAP_RECORDS} records; there are {total}. Add audio, or use a "
            "smaller --record_steps."
        )
    validation = max(1, round(usable * validation_fraction))
    test = max(1, round(usable * test_fraction))
    train = max(1, usable - validation - test)
    validation = min(validation, usable - train - 1)
    test = usable - train - validation
    edges, position = [], 0
    for split, size in zip(SPLITS, (train, validation, test), strict=True):
        edges.append((split, position, position + size))
        position += size + GAP_RECORDS
    spans, start = [], 0
    for source, count in enumerate(num_records):
        for split, begin, end in edges:
            first, last = max(begin, start), min(end, start + count)
            if first < last:
                spans.append(Span(source, first - start, last - first, split))
        start += count
    return spans


def read_maestro_csv(path: str) -> dict[str, str]:
    """Reads MAESTRO's csv: the split of each audio file, by path relative to the csv.

    Args:
      path: of the csv, with the columns `split` and `audio_filename`.

    Raises:
      DatasetError: if it is not such a file.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        if text.lstrip()[:1] in ("{", "["):
            raise DatasetError(f"{path} is JSON: name the csv file that MAESTRO has beside it.")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        table = [(row.get("audio_filename"), row.get("split")) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read as MAESTRO's csv: {reason(error)}") from error
    splits: dict[str, str] = {}
    for number, (name, split) in enumerate(table, start=2):
        if not name or split not in SPLITS:
            raise DatasetError(
                f"{path}, row {number}: the column audio_filename must name a file and split must "
                f"be one of {', '.join(SPLITS)}; found {name!r} and {split!r}."
            )
        if splits.setdefault(name, split) != split:
            raise DatasetError(f"{path}, row {number}: {name} is in two splits.")
    if not splits:
        raise DatasetError(f"{path} lists no files.")
    return splits


def check_not_empty(by_name: Mapping[str, str], where: str) -> None:
    """Checks that no split is empty.

    Raises:
      DatasetError: naming the split.
    """
    for split in SPLITS:
        if split not in by_name.values():
            raise DatasetError(f"{where} leaves the {split} split without any usable file.")


def beside(path: str, name: str) -> str:
    """A path that is relative to the directory of another one, as seen from here."""
    return join(path.rsplit("/", 1)[0], name) if "/" in path else name
