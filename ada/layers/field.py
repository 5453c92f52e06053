"""Arithmetic of receptive fields that look both ways and change the rate."""

from collections.abc import Iterable
from typing import NamedTuple


class Field(NamedTuple):
    """What one output step sees of the input: `[-past, hop - 1 + future]` about its own hop.

    Output step i stands for the input steps `i * hop .. (i + 1) * hop - 1`.

    Attributes:
      past: input steps seen before the first of its own.
      future: input steps seen after the last of its own (the look-ahead).
      hop: input steps to one output step.
    """

    past: int = 0
    future: int = 0
    hop: int = 1

    @property
    def size(self) -> int:
        """Number of input steps seen."""
        return self.past + self.hop + self.future


def stack_fields(fields: Iterable[Field]) -> Field:
    """The field of layers in sequence, in steps of the first one's input."""
    past, future, hop = 0, 0, 1
    for field in fields:
        past += field.past * hop
        future += field.future * hop
        hop *= field.hop
    return Field(past, future, hop)
