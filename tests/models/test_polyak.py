"""Polyak averages: the warm-up by hand, and what leaves the model as it was."""

import keras
import numpy as np
import pytest

from ada.models import PolyakAverage


class Two(keras.Model):
    """A model of two weights, one of them rows of a codebook."""

    def build(self, input_shape=None):
        self.codebook = self.add_weight(name="codebook", shape=(3, 2), initializer="zeros")
        self.other = self.add_weight(name="other", shape=(3, 2), initializer="zeros")
        self.state = self.add_weight(name="state", shape=(), trainable=False)


@pytest.fixture
def model():
    model = Two()
    model.build()
    return model


def assign(model, value):
    for weight in model.trainable_variables:
        weight.assign(np.full(weight.shape, value))


def averages(polyak):
    return [float(average[0, 0]) for average in polyak.averages]


def test_the_decay_grows_with_the_number_of_updates(model):
    assign(model, 5.0)
    polyak = PolyakAverage(model, decay=0.25)
    assert averages(polyak) == [5.0, 5.0]
    expected = 5.0
    # (1 + n) / (10 + n) passes 0.25 between n = 2 (0.25 exactly) and n = 3.
    for n, decay in enumerate([1 / 10, 2 / 11, 3 / 12, 0.25, 0.25]):
        value = 10.0 * (n + 1)
        assign(model, value)
        polyak.update(n)
        expected = decay * expected + (1 - decay) * value
        np.testing.assert_allclose(averages(polyak), [expected] * 2, rtol=1e-6)


def test_without_decay_the_average_is_the_weights(model):
    polyak = PolyakAverage(model, decay=0.0)
    for n, value in enumerate([3.0, -2.0]):
        assign(model, value)
        polyak.update(n)
        assert averages(polyak) == [value] * 2


def test_in_place_puts_the_weights_back_whatever_happens(model):
    assign(model, 1.0)
    polyak = PolyakAverage(model, decay=0.5)
    assign(model, 2.0)
    with polyak.in_place():
        assert all((w.numpy() == 1.0).all() for w in model.trainable_variables)
    assert all((w.numpy() == 2.0).all() for w in model.trainable_variables)
    with pytest.raises(KeyError), polyak.in_place():
        raise KeyError
    assert all((w.numpy() == 2.0).all() for w in model.trainable_variables)
    assert averages(polyak) == [1.0, 1.0]


def test_copying_and_resetting_go_opposite_ways(model):
    assign(model, 1.0)
    polyak = PolyakAverage(model, decay=0.5)
    assign(model, 2.0)
    polyak.copy_to_model()
    assert all((w.numpy() == 1.0).all() for w in model.trainable_variables)
    assign(model, 3.0)
    polyak.reset()
    assert averages(polyak) == [3.0, 3.0]


def test_replaced_rows_are_followed_and_no_others(model):
    polyak = PolyakAverage(model, decay=0.5)
    assign(model, 7.0)
    polyak.follow(model.codebook, np.array([False, True, False]))
    codebook, other = (average.numpy() for average in polyak.averages)
    np.testing.assert_array_equal(codebook, [[0, 0], [7, 7], [0, 0]])
    assert not other.any()


def test_state_is_not_averaged(model):
    assert len(PolyakAverage(model).averages) == 2


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_impossible_decays_are_refused(decay, model):
    with pytest.raises(ValueError, match=f"got {decay}"):
        PolyakAverage(model, decay)
