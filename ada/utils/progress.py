"""Progress bars with time left, readable in a terminal and in a log file alike."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from ada.utils.streams import printable


def progress_bar(
    iterable: Iterable | None = None,
    *,
    total: int | None = None,
    desc: str,
    unit: str,
    **kwargs: Any,
) -> tqdm:
    """A tqdm bar on stderr; into a file it writes a line every ten seconds instead of redrawing.

    The time left is estimated from the mean speed so far, not from the last few steps.
    """
    terminal = sys.stderr.isatty()
    # Bars steer the terminal.
    kwargs.setdefault("file", getattr(sys.stderr, "unescaped", sys.stderr))
    return tqdm(
        iterable,
        total=total,
        desc=printable(desc),
        unit=unit,
        dynamic_ncols=terminal,
        mininterval=0.2 if terminal else 10.0,
        smoothing=0,
        **kwargs,
    )


def passing_bar(iterable: Iterable | None = None, **kwargs: Any) -> tqdm:
    """A `progress_bar` of a part of something longer: it appears after a second, and vanishes."""
    return progress_bar(iterable, leave=False, delay=1.0, **kwargs)
