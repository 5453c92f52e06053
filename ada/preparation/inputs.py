"""Finding the files of an input: patterns, directories, links; each file once."""

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ada.audio.endings import begins_as_audio
from ada.data.spec import DatasetError
from ada.utils.files import exists, expanded, is_dir, is_remote, join

# Files that are often beside music: decoded only if they begin like audio.
_NOT_AUDIO = re.compile(
    r".*\.(json|txt|md|rst|csv|tsv|xml|html?|pdf|log|nfo|cue|m3u8?|pls|midi?|jpe?g|png|gif|bmp|webp"
    r"|svg|tiff?|ini|db|ya?ml|toml|py|sh|zip|tar|t?gz|7z|rar|np[yz]|tfrecord|tmp|part|docx?|xlsx?|gin)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class InputFile:
    """A file of the input: where it is, and its path relative to the root of the input."""

    path: str
    name: str


# Why a file is left out that nobody takes for music: texts, pictures, hidden files.
BY_NAME = "by its name and its first bytes"


def find_files(patterns: Sequence[str], exclude_dir: str | None = None) -> list[InputFile]:
    """All files that patterns stand for, each once, sorted by name.

    A pattern is a file, a directory (everything below it) or a glob in which `**` stands for any
    number of directories. Directories that match a glob are not searched unless `**` says so.
    Links are followed, loops are not. Hidden directories are not entered; hidden files are found.

    Args:
      patterns: local, or with a scheme that `tf.io.gfile` knows.
      exclude_dir: a directory to ignore even if patterns match it: the output.

    Raises:
      DatasetError: if nothing matches.
    """
    excluded = os.path.realpath(exclude_dir) if exclude_dir and not is_remote(exclude_dir) else None
    found: dict[str, str] = {}
    roots = []
    for pattern in patterns:
        root, matches = _expand(pattern, excluded)
        roots.append(root)
        for path in matches:
            identity = path if is_remote(path) else os.path.realpath(path)
            found[identity] = min(path, found.get(identity, path))
    if not found:
        shown = ", ".join(repr(p) for p in patterns)
        hint = "" if any("**" in p for p in patterns) else " '**' in it searches subdirectories."
        raise DatasetError(f"No file matches {shown}. Is the path right?{hint}")
    root = _common_root(roots)
    files = [InputFile(path, _relative(path, root)) for path in found.values()]
    return sorted(files, key=lambda file: (file.name, file.path))


def split_patterns(values: Sequence[str]) -> list[str]:
    """Patterns from flag values, which may hold several with commas; a path that exists is one."""
    patterns: list[str] = []
    for value in values:
        is_path = not is_remote(value) and Path(expanded(value)).exists()
        several = [value] if is_path else value.split(",")
        patterns.extend(p.strip() for p in several if p.strip())
    return patterns


def why_not_audio(path: str) -> str | None:
    """Why a file need not be decoded to know that it is not audio; None if it may be.

    This depends on the content: the name alone is not enough.
    """
    name = path.rsplit("/", 1)[-1]
    # A pipe or device would block the reader for ever.
    if not is_remote(path) and Path(path).exists() and not Path(path).is_file():
        return "it is not a regular file"
    if (name.startswith(".") or _NOT_AUDIO.fullmatch(name)) and not _begins_as_audio(path):
        return BY_NAME
    return None


def _begins_as_audio(path: str) -> bool:
    try:
        if not is_remote(path):
            with Path(path).open("rb") as file:
                return begins_as_audio(file.read(16))
        import tensorflow as tf

        with tf.io.gfile.GFile(path, "rb") as file:
            return begins_as_audio(file.read(16))
    except Exception:  # noqa: BLE001 - whatever the file system says, the decoder says it again
        return False


def _expand(pattern: str, excluded: str | None) -> tuple[str, list[str]]:
    """The directory a pattern starts from, absolute, and the files that match it."""
    if not is_remote(pattern):
        pattern = os.path.abspath(expanded(pattern))  # noqa: PTH100
        if Path(pattern).is_dir():
            return pattern, list(_walk(pattern, excluded))
        if os.path.lexists(pattern):  # a broken link is reported later, not overlooked
            return os.path.dirname(pattern), [pattern]  # noqa: PTH120
    elif exists(pattern):
        if is_dir(pattern):
            return pattern.rstrip("/"), list(_walk(pattern.rstrip("/"), excluded))
        return pattern.rsplit("/", 1)[0], [pattern]
    parts = pattern.split("/")
    # A path that exists literally is not a pattern.
    fixed = next(
        (
            number
            for number, part in enumerate(parts)
            if glob.has_magic(part) and not exists("/".join(parts[: number + 1]))
        ),
        len(parts) - 1,
    )
    root, rest = "/".join(parts[:fixed]) or "/", parts[fixed:]
    depth = None if "**" in rest else len(rest)
    skip = len(root.rstrip("/")) + 1
    walked = _walk(root, excluded, depth)
    return root, [path for path in walked if _matches(rest, path[skip:].split("/"))]


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the components of a path match those of a pattern."""
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "**":
        return len(pattern) == 1 or any(_matches(pattern[1:], path[i:]) for i in range(len(path)))
    return fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(pattern[1:], path[1:])


def _walk(
    directory: str, excluded: str | None, depth: int | None = None, above: tuple[str, ...] = ()
) -> Iterator[str]:
    """The files below a directory, `depth` levels of it, in sorted order."""
    if is_remote(directory):
        import tensorflow as tf

        for found, _, names in tf.io.gfile.walk(directory):
            yield from (join(found, name) for name in sorted(names))
        return
    real = os.path.realpath(directory)
    # A link to a directory that we are in is a loop.
    if real == excluded or real in above or not Path(directory).is_dir():
        return
    try:
        names = sorted(path.name for path in Path(directory).iterdir())
    except OSError as error:
        raise DatasetError(f"{directory} cannot be searched: {error.strerror}.") from error
    for name in names:
        path = join(directory, name)
        if not Path(path).is_dir():
            yield path
        elif not name.startswith(".") and (depth is None or depth > 1):
            deeper = None if depth is None else depth - 1
            yield from _walk(path, excluded, deeper, (*above, real))


def _common_root(roots: Sequence[str]) -> str:
    parts = [root.rstrip("/").split("/") for root in roots]
    common = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/".join(common)


def _relative(path: str, root: str) -> str:
    return path[len(root) + 1 :] if path.startswith(root + "/") else path.lstrip("/")
