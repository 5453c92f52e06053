"""Checks of requests, as part of the graph, and their messages."""

import tensorflow as tf


def require(condition: tf.Tensor, message: str) -> tf.Operation:
    """Fails the request, with that message, where a condition is false."""
    return tf.debugging.Assert(condition, [message])


def within(ids: tf.Tensor, count: int, name: str) -> tf.Tensor:
    """The ids, after a look at whether they are such."""
    require(tf.reduce_all((ids >= 0) & (ids < count)), f"{name} must be 0 .. {count - 1}.")
    return ids
