"""`ada.generation.uniforms` as TensorFlow operations: the same numbers to the last bit.

A server has no NumPy. What NumPy's `Generator(Philox(SeedSequence(...)))` computes is arithmetic on
unsigned integers, which graphs have as well: the hash of O'Neill's `seed_seq_fe128` makes a key of
the seed, and Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
makes random bits of the key and a counter.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_MASK = (1 << 32) - 1
# Of the hash (`numpy.random.SeedSequence`): each use of it takes the next constant.
_POOL_WORDS = 4
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = 0xCA01F9DD, 0x4973F715
# Of Philox4x64: its multipliers, and what is added to the key before every round but the first.
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
# A counter gives four words of 64 bits, each of them two numbers.
_NUMBERS = 8


def graph_uniforms(
    seed: tf.Tensor, item: tf.Tensor, level: int, block: tf.Tensor, steps: int
) -> tf.Tensor:
    """The random numbers of one block, float32 `[steps]`: see `ada.generation.uniforms`.

    Args:
      seed: int64 scalar.
      item: int64 scalar, 0 .. 2**32 - 1.
      level: number of the level.
      block: int64 scalar, 0 .. 2**32 - 1.
      steps: length of the block.
    """
    seed, item, block = (tf.bitcast(x, tf.uint64) for x in (seed, item, block))
    zero = _constant(0)
    pool = tf.stack([_low(seed), _high(seed), zero, zero])
    key = _key(pool, [item, _constant(level), block])
    counters = tf.constant(np.arange(1, -(-steps // _NUMBERS) + 1), tf.uint64)
    bits = _philox(counters, key)
    halves = tf.reshape(tf.stack([_low(bits), _high(bits)], axis=-1), [-1])[:steps]
    # The upper 24 bits are those of a float32.
    return tf.cast(_shift(halves, 8), tf.float32) * np.float32(2.0**-24)


def _constants(first: int, factor: int, count: int) -> list[int]:
    """`first` and what comes of it, multiplied again and again."""
    found = [first]
    while len(found) < count:
        found.append(found[-1] * factor & _MASK)
    return found


def _key(pool: tf.Tensor, others: list[tf.Tensor]) -> tf.Tensor:
    """Mixes a pool of four words of 32 bits, and others, into a key of two words of 64."""
    constants = iter(_constants(_INIT_A, _MULT_A, 64))
    last = next(constants)

    def hashed(words: tf.Tensor, places: Sequence[int]) -> tf.Tensor:
        """For every place a hash of its own; at the other places anything."""
        nonlocal last
        xor, factor = [0] * _POOL_WORDS, [0] * _POOL_WORDS
        for place in places:
            xor[place], factor[place] = last, (last := next(constants))
        return _folded(tf.bitwise.bitwise_xor(words, _constant(xor)) * _constant(factor))

    def mixed(hashes: tf.Tensor) -> tf.Tensor:
        return _folded(pool * _constant(_MIX_LEFT) - hashes * _constant(_MIX_RIGHT))

    everywhere = range(_POOL_WORDS)
    pool = hashed(pool, everywhere)
    for source in everywhere:
        targets = [place for place in everywhere if place != source]
        is_target = [place != source for place in everywhere]
        pool = tf.where(is_target, mixed(hashed(pool[source], targets)), pool)
    for word in others:
        pool = mixed(hashed(word, everywhere))

    *xor, last = _constants(_INIT_B, _MULT_B, _POOL_WORDS + 1)
    pool = tf.bitwise.bitwise_xor(pool, _constant(xor)) * _constant([*xor[1:], last])
    pool = _folded(pool)
    return pool[::2] + tf.bitwise.left_shift(pool[1::2], _constant(32))


def _philox(counters: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Random bits `[counters, 4]` for counters below 2**64; words 0 and 2, 1 and 3 go together."""
    even = tf.stack([counters, tf.zeros_like(counters)])
    odd = tf.zeros_like(even)
    key = key[:, tf.newaxis]
    for number in range(_ROUNDS):
        if number:
            key = key + _constant(_WEYL)[:, tf.newaxis]
        high, low = _products(even)
        even = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(high[::-1], odd), key)
        odd = low[::-1]
    return tf.stack([even[0], odd[0], even[1], odd[1]], axis=-1)


def _products(words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The 128 bits of 64-bit words times the multipliers: high and low, from products of halves."""
    factor = _constant(_MULTIPLIERS)[:, tf.newaxis]
    low, high = _low(words), _high(words)
    factor_low, factor_high = _low(factor), _high(factor)
    middle = low * factor_high + _high(low * factor_low)
    other = high * factor_low + _low(middle)
    return high * factor_high + _high(middle) + _high(other), words * factor


def _constant(value: int | Sequence[int]) -> tf.Tensor:
    return tf.constant(value, tf.uint64)


def _shift(words: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(words, _constant(bits))


def _low(words: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(words, _constant(_MASK))


def _high(words: tf.Tensor) -> tf.Tensor:
    return _shift(words, 32)


def _folded(words: tf.Tensor) -> tf.Tensor:
    """The last step of a hash: the lower 32 bits, their upper half added to the lower (xor)."""
    words = _low(words)
    return tf.bitwise.bitwise_xor(words, _shift(words, 16))
