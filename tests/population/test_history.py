"""Who copies whom, who won, whose work it was; the file and the picture."""

import pytest
from PIL import Image

from ada.population import Comparison, History, Standing, quantiles
from ada.population.chart import draw
from ada.utils.errors import UserError


def standing(member, score, healthy=True, copied_from=None):
    values = {"a.rate": 0.1 * (member + 1)}
    report = {"bits": score if healthy else None, "perplexity": 3.0}
    return Standing(member, values, score, healthy, {}, report, copied_from, values)


@pytest.fixture
def history():
    return History(
        (
            Comparison(2, (standing(0, 3.0, copied_from=1), standing(1, 2.0))),
            Comparison(4, (standing(0, 1.0), standing(1, 1.5, copied_from=0))),
            Comparison(6, (standing(0, 5000.0, False), standing(1, 1.2))),
        )
    )


def test_who_was_ever_unhealthy(history):
    assert history.ever_unhealthy() == [0]


def members(part):
    return [s.member for s in part]


def test_the_worst_quarter_copies_the_best():
    population = [standing(member, score) for member, score in enumerate([3.0, 1.0, 4.0, 2.0])]
    assert [members(part) for part in quantiles(population, 0.25)] == [[2], [1]]
    assert [members(part) for part in quantiles(population, 0.5)] == [[2, 0], [3, 1]]
    assert members(quantiles(population, 0.0)[0]) == []


def test_members_that_are_not_healthy_always_copy_and_are_never_copied():
    population = [standing(0, 1002.0, False), standing(1, 9.0), standing(2, 2000.0, False)]
    copying, copied = quantiles([*population, standing(3, 8.0)], 0.25)
    assert members(copying) == [2, 0]
    assert members(copied) == [3]
    copying, copied = quantiles(population, 0.5)
    assert members(copying) == [2, 0]
    assert members(copied) == [1]
    assert quantiles([s for s in population if not s.healthy], 0.5) == ([], [])


def test_the_best_of_all_times_wins_and_never_one_that_is_not_healthy(history):
    step, best = history.best()
    assert (step, best.member) == (4, 0)
    assert History((Comparison(2, (standing(0, -9.0, False),)),)).best() is None


def test_whose_work_a_member_is(history):
    assert history.lineage(0, 4) == [(1, 0, 2), (0, 2, 4)]
    assert history.lineage(1, 6) == [(1, 0, 2), (0, 2, 4), (1, 4, 6)]
    assert history.lineage(1, 2) == [(1, 0, 2)]


def test_file_and_back(history, tmp_path):
    path = str(tmp_path / "population.json")
    assert History.load(path) == History()
    history.save(path)
    assert History.load(path) == history
    (tmp_path / "population.json").write_text("{")
    with pytest.raises(UserError, match="population.json"):
        History.load(path)


def test_the_picture_has_a_panel_for_every_figure_and_hyperparameter(history, tmp_path):
    draw(history, str(tmp_path / "population.png"))
    with Image.open(tmp_path / "population.png") as image:
        width, height = image.size
    assert width == 900
    assert height == 3 * 260
