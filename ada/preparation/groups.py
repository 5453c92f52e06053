"""Files that belong in one split: copies, other formats, other microphones of a take."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ada.data.spec import Grouped
from ada.preparation.fingerprint import same_recordings

# Layouts of known datasets: what is left of the path of a file is the same for one recording.
_STEMS = r"mixture|mix|vocals|drums|bass|other|accompaniment"  # MUSDB18-HQ
_LAYOUTS = (
    ("microphones of one take", r"^(.+?)[ ._-](?:mic|ch)[ _]?(?:\d+|[a-d])(?:[_-]\w+)?\.\w+$"),
    # The first was VCTK's layout; here each microphone has a folder.
    ("microphones of one take", r"^(.*/)?mic[ _-]?\d+/(.+)\.\w+$"),
    ("channels of one take", r"^(.+?)[ ._-](?:l|r|left|right)\.\w+$"),
    ("recordings of one take", r"^(.+?)_(?:mic|hex|hex_cln|hex_debleeded|mix)\.\w+$"),  # GuitarSet
    ("stems of one piece", rf"^(.+/)(?:{_STEMS})\.\w+$"),
    ("stems of one piece", r"^(.+/track\d+)/(?:mix\.\w+|stems/s\d+\.\w+)$"),  # Slakh2100
    (
        "stems of one piece",
        r"^(?:.*/)?([^/]+)_(?:mix\.\w+|(?:stem|raw)_\d+(?:_\d+)?\.\w+)$",
    ),  # MedleyDB
)
# Not "take.1", "take.2": those are numbers.
_ENDING = re.compile(r"\.[a-z8][a-z0-9]{1,4}$", re.IGNORECASE)
# Names that systems and browsers give to copies. Without a "take", "take (1)" is a number.
_COPY = re.compile(r"(.*/)?(?:copy of )?(.+?)(?: \(\d\)| - copy(?: \(\d\))?| copy(?: \d)?)?")
_PATTERNS = [(why, re.compile(pattern, re.IGNORECASE)) for why, pattern in _LAYOUTS]


def find_groups(files: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], list[Grouped]]:
    """Finds the files that have to be in one split together.

    Args:
      files: what is known of each file by name: `sha256`, and `pcm_sha256` of its samples and
        `fingerprint`, or None.

    Returns:
      The first name of the group of each file, by name, and the groups of several files.
    """
    names = sorted(files)
    union = _Union(names)
    union.join_equal("copies", ((name, files[name]["sha256"]) for name in names))
    # Recordings that are too short or too even for a fingerprint are compared sample by sample.
    decoded = ((name, files[name].get("pcm_sha256")) for name in names)
    union.join_equal("the same samples", ((name, pcm) for name, pcm in decoded if pcm))
    known = [name for name in names if files[name].get("fingerprint")]
    for i, j in same_recordings([files[name]["fingerprint"] for name in known]):
        union.join("the same recording", known[i], known[j])
    stems = {name: _stem(name) for name in names}
    union.join_equal("the same name but for the ending", stems.items())
    by_stem = {stem: name for name, stem in stems.items()}
    for stem, name in by_stem.items():
        copy = _COPY.fullmatch(stem)
        if copy and (original := by_stem.get("".join(copy.groups(default="")))):
            union.join("the name of a copy", original, name)
    for why, pattern in _PATTERNS:
        matches = ((name, pattern.match(name)) for name in names)
        found = ((name, match.groups(default="")) for name, match in matches if match)
        union.join_equal(why, ((name, "\0".join(parts).lower()) for name, parts in found))
    return union.first, union.groups()


def _stem(name: str) -> str:
    """A path without the ending, in small letters."""
    return _ENDING.sub("", name).lower()


class _Union:
    """Disjoint sets of names, each known by its first name, and why they were joined."""

    def __init__(self, names: Iterable[str]) -> None:
        self._above = {name: name for name in names}
        self._why: list[tuple[str, str]] = []

    @property
    def first(self) -> dict[str, str]:
        return {name: self._find(name) for name in self._above}

    def join(self, why: str, name: str, other: str) -> None:
        first, second = sorted((self._find(name), self._find(other)))
        if first != second:
            self._above[second] = first
            self._why.append((second, why))

    def join_equal(self, why: str, keys: Iterable[tuple[str, str]]) -> None:
        """Joins the names that have the same key."""
        seen: dict[str, str] = {}
        for name, key in keys:
            self.join(why, seen.setdefault(key, name), name)

    def groups(self) -> list[Grouped]:
        members, reasons = defaultdict(list), defaultdict(set)
        for name, first in self.first.items():
            members[first].append(name)
        for name, why in self._why:
            reasons[self._find(name)].add(why)
        return [
            Grouped(tuple(names), ", ".join(sorted(reasons[first])))
            for first, names in members.items()
            if len(names) > 1
        ]

    def _find(self, name: str) -> str:
        while self._above[name] != name:
            self._above[name] = self._above[self._above[name]]
            name = self._above[name]
        return name
