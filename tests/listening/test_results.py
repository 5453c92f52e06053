"""The table, against numbers computed by hand."""

import csv
import io

import pytest

from ada.listening import Rating, summarise, table
from ada.listening.results import Score, ratings_csv, score, summary_csv

# Raters 1, 2, 3 give system a the fidelities (5, 4), (3), (1, 2, 3): their means are 4.5, 3, 2.
GIVEN = [(1, 5, 3), (1, 4, 3), (2, 3, 3), (3, 1, 3), (3, 2, 3), (3, 3, 3)]
RATINGS = [Rating(r, "a", f"{k}.wav", f, m, "2026-01-01T10Z") for k, (r, f, m) in enumerate(GIVEN)]
RATINGS.append(Rating(2, "b", "0.wav", 4, 5, "2026-01-01T10Z"))


def test_means_of_raters_with_their_interval():
    row, alone, unrated = summarise(RATINGS, ["a", "b", "c"])
    # (4.5 + 3 + 2) / 3 = 19/6; s^2 = ((4/3)^2 + (1/6)^2 + (7/6)^2) / 2 = 19/12;
    # t_{2; 0.975} = 4.302653; 4.302653 sqrt(19 / 36) = 3.12580.
    assert row[:3] == ("a", 6, 3)
    assert row.fidelity == pytest.approx((19 / 6, 3.12580), abs=1e-5)
    assert row.musicality == (3.0, 0.0)
    assert alone == ("b", 1, 1, (4.0, None), (5.0, None))
    assert unrated == ("c", 0, 0, (None, None), (None, None))
    printed = table([row, alone, unrated]).splitlines()
    assert printed[:4] == [
        "system  ratings  raters  fidelity     musicality",
        "a             6       3  3.17 ± 3.13  3.00 ± 0.00",
        "b             1       1  4.00         5.00",
        "c             0       0  –            –",
    ]
    assert "there was one rater" in printed[-2]
    assert "fewer than five" in printed[-1]
    assert "there was one rater" not in table([row])


def test_the_interval_covers_the_mean_as_often_as_it_says():
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = [score(list(rng.normal(3.0, 1.0, 5))) for _ in range(4000)]
    covered = np.mean([abs(s.mean - 3.0) <= s.half_width for s in drawn])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_csv_files():
    lines = list(csv.DictReader(io.StringIO(ratings_csv(RATINGS))))
    assert len(lines) == 7
    assert lines[0] == {
        "rater": "1",
        "system": "a",
        "clip": "0.wav",
        "fidelity": "5",
        "musicality": "3",
        "hour": "2026-01-01T10Z",
    }
    row, alone, unrated = csv.DictReader(
        io.StringIO(summary_csv(summarise(RATINGS, ["a", "b", "c"])))
    )
    assert float(row["fidelity_mean"]) == 19 / 6
    assert alone["fidelity_95"] == unrated["musicality_mean"] == ""


def test_a_score_as_text():
    assert [str(Score(*s)) for s in [(3.826, 0.18), (4, None), (None, None)]] == [
        "3.83 ± 0.18",
        "4.00",
        "–",
    ]
