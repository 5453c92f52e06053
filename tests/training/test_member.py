"""The score of a member: bits, with a floor on perplexity."""

import math

import pytest

from ada.training.member import judge

HEALTHY = {"reconstruction_bits": 3.0, "codebook/perplexity": 40.0}


def test_a_healthy_member_is_scored_by_its_bits():
    assert judge(HEALTHY, True, 16.0) == (3.0, True, {"bits": 3.0, "perplexity": 40.0})
    assert judge({"bits": 2.0}, True, 16.0)[:2] == (2.0, True)


@pytest.mark.parametrize(
    ("scores", "active"),
    [
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 15.9}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": math.nan}, True),
        ({"reconstruction_bits": math.nan, "codebook/perplexity": 40.0}, True),
        ({"reconstruction_bits": math.inf, "codebook/perplexity": 40.0}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 40.0}, False),
        ({}, False),
    ],
)
def test_collapse_warm_up_and_nan_are_worse_than_anything_healthy(scores, active):
    score, healthy, report = judge(scores, active, 16.0)
    assert not healthy
    assert math.isfinite(score)
    assert score > judge(HEALTHY | {"reconstruction_bits": 500.0}, True, 16.0)[0]
    assert report["bits"] is None or math.isfinite(report["bits"])


def test_nan_is_worst_of_all():
    collapsed = judge({"reconstruction_bits": 1e9, "codebook/perplexity": 1.0}, True, 16.0)
    assert judge({}, True, 16.0)[0] > collapsed[0]
