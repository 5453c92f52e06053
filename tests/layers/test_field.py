"""Arithmetic of fields."""

from ada.layers import Field, stack_fields


def test_nothing_sees_its_own_step():
    assert stack_fields([]) == Field(0, 0, 1)
    assert Field().size == 1


def test_later_fields_count_in_steps_of_the_first_input():
    down, refine = Field(past=3, future=5, hop=8), Field(past=2, future=1)
    assert stack_fields([down, refine]) == Field(3 + 8 * 2, 5 + 8 * 1, 8)
    assert stack_fields([refine, down]) == Field(2 + 3, 1 + 5, 8)
    assert stack_fields([down, down]) == Field(3 + 8 * 3, 5 + 8 * 5, 64)


def test_size_counts_the_steps_seen():
    assert Field(past=3, future=5, hop=8).size == 16


def test_stacking_is_associative():
    a, b, c = Field(1, 2, 3), Field(4, 0, 2), Field(0, 7, 5)
    assert stack_fields([stack_fields([a, b]), c]) == stack_fields([a, b, c])
    assert stack_fields([a, stack_fields([b, c])]) == stack_fields([a, b, c])
