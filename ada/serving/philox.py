"""`ada.generation.uniforms` as TensorFlow operations: the same numbers to the last bit.

A server has no NumPy. What NumPy's `Generator(Philox(SeedSequence(...)))` computes is arithmetic on
unsigned integers, which graphs have as well: the hash of O'Neill's `seed_seq_fe128` makes a key of
the seed, and Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
makes random bits of the key and a counter.
"""

import numpy as np
import tensorflow as tf

_MASK = (1 << 32) - 1
# Of the hash (`numpy.random.SeedSequence`).
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
    seed = tf.bitcast(seed, tf.uint64)
    words = [_low(seed), _high(seed), _constant(0), _constant(0)]
    words += [tf.bitcast(item, tf.uint64), _constant(level), tf.bitcast(block, tf.uint64)]
    counters = tf.constant(np.arange(1, -(-steps // _NUMBERS) + 1), tf.uint64)
    bits = tf.stack(_philox(counters, _key(words)), axis=-1)
    halves = tf.reshape(tf.stack([_low(bits), _high(bits)], axis=-1), [-1])[:steps]
    # The upper 24 bits are those of a float32.
    return tf.cast(_shift(halves, 8), tf.float32) * np.float32(2.0**-24)


def _key(words: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes words of 32 bits into a key of two words of 64."""
    constant = _INIT_A

    def hashed(word: tf.Tensor) -> tf.Tensor:
        nonlocal constant
        word = tf.bitwise.bitwise_xor(word, _constant(constant))
        constant = constant * _MULT_A & _MASK
        return _folded(word * _constant(constant))

    def mixed(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return _folded(one * _constant(_MIX_LEFT) - other * _constant(_MIX_RIGHT))

    pool = [hashed(word) for word in words[:_POOL_WORDS]]
    for source in range(_POOL_WORDS):
        for target in range(_POOL_WORDS):
            if source != target:
                pool[target] = mixed(pool[target], hashed(pool[source]))
    for word in words[_POOL_WORDS:]:
        pool = [mixed(target, hashed(word)) for target in pool]

    constant, state = _INIT_B, []
    for word in pool:
        word = tf.bitwise.bitwise_xor(word, _constant(constant))
        constant = constant * _MULT_B & _MASK
        state.append(_folded(word * _constant(constant)))
    low, high = state[::2], state[1::2]
    return tuple(a + tf.bitwise.left_shift(b, _constant(32)) for a, b in zip(low, high, strict=True))


def _philox(counters: tf.Tensor, key: tuple[tf.Tensor, tf.Tensor]) -> list[tf.Tensor]:
    """Four words of random bits for each counter below 2**64."""
    zero = tf.zeros_like(counters)
    x, (k0, k1) = [counters, zero, zero, zero], key
    for number in range(_ROUNDS):
        if number:
            k0, k1 = k0 + _constant(_WEYL[0]), k1 + _constant(_WEYL[1])
        (high0, low0), (high1, low1) = (
            _product(word, factor) for word, factor in zip(x[::2], _MULTIPLIERS, strict=True)
        )
        xor = tf.bitwise.bitwise_xor
        x = [xor(xor(high1, x[1]), k0), low1, xor(xor(high0, x[3]), k1), low0]
    return x


def _product(words: tf.Tensor, factor: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The 128 bits of a product of 64-bit words, high and low, from products of their halves."""
    low, high = _low(words), _high(words)
    factor_low, factor_high = _constant(factor & _MASK), _constant(factor >> 32)
    middle = low * factor_high + _high(low * factor_low)
    other = high * factor_low + _low(middle)
    return high * factor_high + _high(middle) + _high(other), words * _constant(factor)


def _constant(value: int) -> tf.Tensor:
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
