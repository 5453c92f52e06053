"""Receptive fields of layers that look both ways and change the rate."""

from collections.abc import Iterable
from typing import NamedTuple


class Field(NamedTuple):
    """The receptive field of an output step.

    Output step i stands for the input steps `i * hop .. (i + 1) * hop - 1`, its own. It depends on
    these and on some before and after them.

    Attributes:
      past: input steps before the first of its own.
      future: input steps after the last of its own (the look-ahead).
      hop: input steps per output step.
    """

    past: int = 0
    future: int = 0
    hop: int = 1

    @property
    def size(self) -> int:
        """Number of input steps in the field."""
        return self.past + self.hop + self.future


def stack_fields(fields: Iterable[Field]) -> Field:
    """The receptive field of layers in sequence, in steps of the input of the first."""
    past, future, hop = 0, 0, 1
    for field in fields:
        past += field.past * hop
        future += field.future * hop
        hop *= field.hop
    return Field(past, future, hop)
