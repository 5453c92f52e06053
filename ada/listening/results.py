"""Ratings of each system: the table of the slides, and CSV files."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ada.listening.store import Rating
from ada.utils.csv_files import csv_text

SCALES = ("fidelity", "musicality")
EXPLANATION = """\
From 1 (bad) to 5 (excellent): the mean of the raters' means ± a 95 % interval by
Student's t over raters, who count alike, however many clips they rated. Ratings of one
rater do not count as independent ones. It is about other raters of these clips, not
about other clips of the systems."""
TOO_FEW = "Where no interval stands there was one rater: it takes two."
FEW, FEW_RATERS = "Of fewer than five raters an interval says little, ± 0.00 too.", 5


class Score(NamedTuple):
    """A mean, and half the width of its 95 % interval; None where there is none."""

    mean: float | None
    half_width: float | None

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        half = "" if self.half_width is None else f" ± {self.half_width:.2f}"
        return f"{self.mean:.2f}{half}"


class Row(NamedTuple):
    """The results of a system."""

    system: str
    num_ratings: int
    num_raters: int
    fidelity: Score
    musicality: Score


def score(means: Sequence[float]) -> Score:
    """The mean of raters' means m_1 ... m_n and its interval: t_{n-1; 0.975} s / sqrt(n)."""
    from scipy.special import stdtrit

    if not means:
        return Score(None, None)
    mean = float(np.mean(means))
    if len(means) == 1:
        return Score(mean, None)
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    return Score(mean, float(stdtrit(len(means) - 1, 0.975)) * error)


def summarise(ratings: Iterable[Rating], systems: Sequence[str]) -> list[Row]:
    """One row a system, in the order given."""
    by_rater: dict[str, dict[int, list[tuple[int, int]]]] = {system: {} for system in systems}
    for rating in ratings:
        given = by_rater[rating.system].setdefault(rating.rater, [])
        given.append((rating.fidelity, rating.musicality))
    rows = []
    for system, raters in by_rater.items():
        means = [np.mean(given, axis=0) for given in raters.values()]
        scores = [score([float(m[k]) for m in means]) for k in range(len(SCALES))]
        rows.append(Row(system, sum(map(len, raters.values())), len(raters), *scores))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The table as text, and what its numbers are."""
    cells = [("system", "ratings", "raters", *SCALES)]
    cells += [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    aligns = "<>><<"
    lines = [
        "  ".join(
            f"{cell:{align}{width}}"
            for cell, align, width in zip(line, aligns, widths, strict=True)
        ).rstrip()
        for line in cells
    ]
    notes = [EXPLANATION]
    if any(row.num_raters == 1 for row in rows):
        notes.append(TOO_FEW)
    if any(1 < row.num_raters < FEW_RATERS for row in rows):
        notes.append(FEW)
    return "\n".join([*lines, "", *notes])


def ratings_csv(ratings: Iterable[Rating]) -> str:
    """All single ratings; raters are numbers, times are hours."""
    return csv_text(Rating._fields, ratings)


def summary_csv(rows: Iterable[Row]) -> str:
    """The table; cells are empty where there is no number."""
    header = ["system", "ratings", "raters"]
    for scale in SCALES:
        header += [f"{scale}_mean", f"{scale}_95"]
    return csv_text(header, ([*row[:3], *row.fidelity, *row.musicality] for row in rows))
