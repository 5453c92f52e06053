"""Whether generated codes are pieces of the training data: the longest runs that they share."""

from collections.abc import Sequence

import numpy as np


def longest_shared_runs(clips: Sequence[np.ndarray], corpus: Sequence[np.ndarray]) -> np.ndarray:
    """The length of the longest run of codes that each clip shares with a corpus.

    Exact, in O(n log^2 n): windows of twice the length are compared by the ranks of their halves.

    Args:
      clips: int codes `[steps]` each, not empty.
      corpus: int codes `[steps]` each; runs do not go beyond the end of one.

    Returns:
      int64 `[clips]`.
    """
    runs = [*corpus, *clips]
    lengths = np.array([len(run) for run in runs])
    # A window must not reach over the end of its run: how many codes are left from each place on.
    left = np.concatenate([np.arange(length, 0, -1) for length in lengths])
    owner = np.repeat(np.arange(len(runs)), lengths)
    ranks = [np.unique(np.concatenate(runs), return_inverse=True)[1]]
    while 2 ** len(ranks) <= max(map(len, clips)):
        ranks.append(_doubled(ranks[-1], 2 ** (len(ranks) - 1)))
    longest = np.zeros(len(clips), np.int64)
    # Sharing a long run is sharing all shorter ones, so a longest run is found bit by bit; lengths
    # differ from clip to clip, and each length that is asked for is looked at once.
    for bit in reversed(range(len(ranks))):
        wanted = longest + 2**bit
        for length in np.unique(wanted):
            names = _named(ranks, int(length))
            fits = left >= length
            known = np.unique(names[fits & (owner < len(corpus))])
            hit = fits & np.isin(names, known)
            sharing = np.unique(owner[hit & (owner >= len(corpus))]) - len(corpus)
            sharing = sharing[wanted[sharing] == length]
            longest[sharing] = length
    return longest


def _named(ranks: list[np.ndarray], length: int) -> np.ndarray:
    """Names of all windows of a length: equal where they are (two that overlap cover it)."""
    power = length.bit_length() - 1
    return _doubled(ranks[power], length - 2**power) if length > 2**power else ranks[power]


def _doubled(rank: np.ndarray, shift: int) -> np.ndarray:
    """Ranks of pairs of windows, `shift` apart; at the very end the second is an empty one."""
    second = np.full(len(rank), -1, np.int64)
    second[: len(rank) - shift] = rank[shift:]
    return np.unique(rank.astype(np.int64) * (len(rank) + 1) + second + 1, return_inverse=True)[1]
