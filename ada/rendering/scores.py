"""Finds scores: files of folders and patterns, or the chorales that music21 distributes."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ada.utils.errors import UsageError, UserError
from ada.utils.files import expanded

MIDI = (".mid", ".midi")
MUSICXML = (".musicxml", ".mxl", ".xml")


@dataclass(frozen=True)
class Score:
    """A file of a score.

    Attributes:
      name: path relative to the folder that was searched, without extension: `suites/gigue`.
      path: the file.
    """

    name: str
    path: Path


def find_scores(patterns: Sequence[str]) -> list[Score]:
    """Finds the MIDI and MusicXML files of patterns, each once, sorted by name.

    Args:
      patterns: files, folders (searched recursively) or glob patterns (`**` matches any number
        of folders). Hidden files and folders are ignored.

    Raises:
      UserError: a pattern matches no score.
      UsageError: two files have the same name.
    """
    names: dict[Path, str] = {}
    for pattern in patterns:
        root, paths = _expand(pattern)
        found = [path for path in paths if path.suffix.lower() in (*MIDI, *MUSICXML)]
        if not found:
            raise UserError(
                f"{pattern}: no score found. Name a folder or files with one of the extensions "
                f"{', '.join((*MIDI, *MUSICXML))}."
            )
        for path in found:
            names.setdefault(path.resolve(), path.relative_to(root).with_suffix("").as_posix())
    return _by_name(Score(name, path) for path, name in names.items())


def chorales() -> list[Score]:
    """Finds the Bach chorales of music21's corpus, sorted by name (`bwv10.7`).

    Raises:
      UserError: music21 was installed without its corpus.
    """
    from music21 import corpus, exceptions21
    from music21.corpus.chorales import Iterator

    scores = {}
    try:
        # music21's index lists some chorales twice, and a name may match several files.
        for work in Iterator(returnType="filename"):
            found = corpus.getWork(work)
            paths = [Path(path) for path in (found if isinstance(found, list) else [found])]
            name = work.rsplit("/", 1)[-1]
            path = next((path for path in paths if path.stem == name), paths[0])
            scores[name] = Score(name, path)
    except exceptions21.Music21Exception as error:
        raise UserError(
            "music21 has no corpus: pip install --force-reinstall music21, or name --scores."
        ) from error
    return _by_name(scores.values())


def _expand(pattern: str) -> tuple[Path, list[Path]]:
    """The folder that a pattern starts from, and the files that match."""
    path = Path(expanded(pattern))
    if path.is_dir():
        root, pattern = path, f"{glob.escape(str(path))}/**/*"
    elif path.exists():
        return path.parent, [path]
    else:
        parts = path.parts
        # A path that exists literally is not a pattern.
        magic = (
            i for i, p in enumerate(parts) if glob.has_magic(p) and not _is_there(parts[: i + 1])
        )
        fixed = next(magic, len(parts) - 1)
        root = Path(*parts[:fixed])
        pattern = str(Path(glob.escape(str(root)), *parts[fixed:]))
    found = map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207 - no hidden files
    return root, [path for path in found if path.is_file()]


def _is_there(parts: Sequence[str]) -> bool:
    return Path(*parts).exists()


def _by_name(scores: Iterable[Score]) -> list[Score]:
    """Sorts scores, whose names have to differ."""
    by_name: dict[str, Score] = {}
    for score in scores:
        other = by_name.setdefault(score.name, score)
        if other is not score:
            raise UsageError(
                f"{other.path} and {score.path} would both become {score.name}.flac: narrow "
                "--scores, for example to 'folder/**/*.mid'"
            )
    return sorted(by_name.values(), key=lambda score: score.name)
