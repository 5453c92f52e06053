"""Beside every number stands which way is better: in the page's tables and in JSON."""

import json

from ada.evaluation.comparison import write_evaluation
from ada.evaluation.comparison_page import _COPIES, _GENERATED, _SPECTRA
from ada.evaluation.note_report import KEPT, LIKE_REAL
from ada.evaluation.summary import BETTER, summary

LEVEL = {"conditional": True, "kind": "audio", "bits_per_sample": 3.0, "bits_per_sec": 9.0}


def test_every_number_of_the_summary_has_a_direction(tmp_path):
    write_evaluation(tmp_path / "e.json", "test", [])
    better = json.loads((tmp_path / "e.json").read_text())["better"]
    assert better == BETTER
    assert set(better.values()) == {"higher", "lower", "as near to real audio as possible"}
    assert (better["structure"], better["fad"], better["note_f1"]) == ("higher", "lower", "higher")
    for column in set(summary({"name": "a", "levels": [LEVEL]})) - {"system", "clips"}:
        assert any(column.startswith(name) for name in better) or any(
            name in column for name in (*KEPT, *LIKE_REAL, "memorised", "code_bigram_bits")
        ), column


def test_every_heading_of_a_measure_has_an_arrow():
    for heading in {*_SPECTRA, *_GENERATED, *_COPIES} - {"clips"}:
        assert ("↑" in heading) != ("↓" in heading), heading
