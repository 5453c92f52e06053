"""The tensors of requests and responses: their names, types, shapes and units."""

from typing import NamedTuple

import numpy as np

# Longest signal of a request, if nothing else is said: a minute of audio, beyond all deadlines.
MAX_STEPS = 2**20


class Tensor(NamedTuple):
    """One named input or output.

    Attributes:
      dtype: NumPy's name of its type.
      shape: None where a dimension is free.
      meaning: what it is, in its unit; for people.
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    meaning: str


TENSORS = {
    "audio": Tensor("float32", (None, None), "[batch, samples], amplitudes in [-1, 1]"),
    "ids": Tensor("int32", (None, None), "[batch, steps], codes of the level below this model"),
    "codes": Tensor("int32", (None, None), "[batch, code_steps], codes of the top autoencoder"),
    "embeddings": Tensor(
        "float32", (None, None, None), "[batch, code_steps, dim], of an encoder without codes"
    ),
    "prompt": Tensor("float32", (None, None), "[batch, samples], what every item begins with"),
    "prompt_ids": Tensor("int32", (None, None), "[batch, steps], what every item begins with"),
    "steps": Tensor("int32", (), "to generate: samples, or ids where the model is over codes"),
    "temperature": Tensor(
        "float32", None, "a scalar for all levels, or one a level, top first; 0: the likeliest id"
    ),
    "seed": Tensor("int64", (), "of all random numbers"),
    "items": Tensor(
        "int32",
        (None,),
        "[batch], index of each item, 0 or more: with the seed it decides random numbers",
    ),
    "num_steps": Tensor("int32", (None,), "[batch], steps of the block; what follows is zero"),
    "log_prob": Tensor("float32", (None,), "[batch], nats an item, all levels together"),
}


def as_array(name: str, value: object) -> np.ndarray:
    """A value as the array that an input of that name takes; state is passed on as it is.

    Raises:
      ValueError: if it would be another value.
    """
    given = np.asarray(value)
    if name not in TENSORS:
        return given
    wanted = np.dtype(TENSORS[name].dtype)
    converted = given.astype(wanted)
    if wanted.kind == "i" and not np.array_equal(converted, given):
        raise ValueError(f"{name} takes {wanted}, which {value!r} is not.")
    return converted
