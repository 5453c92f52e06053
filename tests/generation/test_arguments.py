"""Whatever a sampler is called with: the kernel in C does not crash, and what is wrong is said."""

import multiprocessing

import numpy as np
import pytest
import tensorflow as tf

from ada.generation import SamplingConfig, native
from ada.generation.level import Level
from ada.generation.native import NativeSampler
from ada.models import WaveNet

BATCH, BLOCK, CLASSES, CHANNELS = 3, 16, 11, 5
NAN, INF = float("nan"), float("inf")
# Whole numbers that are none, or too large for a processor.
NO_COUNTS = [0, -7, 1.5, "4", None, True, NAN, INF, -INF, [2], 2**31, 2**63, -(2**63), 10**25]
OPTIONS = {
    "batch_size": NO_COUNTS,
    "block_steps": NO_COUNTS,
    "top_k": [-3, 0.5, "all", None, False, NAN, INF, [1], -(2**40), 2**64],
    "top_p": [0, -1.0, 1.0001, NAN, INF, "0.5", None, [0.9]],
}
NOISE, KNOWN = np.zeros([BATCH, BLOCK], np.float32), np.full([BATCH, BLOCK], -1, np.int32)
CODES = np.zeros([BATCH, 4, CHANNELS], np.float32)
NO_ARRAYS = [
    *(None, 0, "x", b"\0" * 192, [[0], [0, 1]], object(), tf.sparse.from_dense(NOISE)),
    *(np.zeros([BATCH, BLOCK - 1]), np.zeros([BLOCK, BATCH]), np.zeros([0, BLOCK])),
    *(NOISE[..., None], NOISE.astype(object), NOISE.astype(complex), NOISE.astype("S4")),
]
CALLS = {
    "uniforms": [*NO_ARRAYS, NOISE - 0.1, NOISE + 1, NOISE + NAN, NOISE + INF, NOISE > 1],
    "forced": [
        *NO_ARRAYS[1:],
        *(KNOWN - 1, KNOWN + 12, KNOWN * 1.0, KNOWN > 0, np.full([BATCH, BLOCK], 2**32 + 3)),
        np.full([BATCH, BLOCK], 2**64 - 1, np.uint64),
    ],
    "conditioning": [
        *NO_ARRAYS,
        *(CODES[0], CODES[:2], CODES[..., :4], CODES[:, :3], CODES[:, :0], CODES.astype(str)),
        np.zeros([BATCH, 2 * BLOCK, CHANNELS]),
    ],
    "temperature": [NAN, INF, -INF, -0.5, 1e39, "1", None, [1.0], NOISE, 10**400, 1j, True],
    "num_steps": [-1, BLOCK + 1, 2.0, NAN, "3", True, 2**31, 2**64, -(2**63), [1], KNOWN],
}
STATES = {
    "ring": [None, "x", NOISE, np.zeros([99, BATCH, 6], np.float32), np.zeros([14, BATCH, 6])],
    "previous": [None, 0, np.zeros(BATCH), np.zeros(BATCH, int), np.full(BATCH, 11, np.int32)],
    "step": [None, -1, 0.5, NAN, "0", 2**62 + 1, 2**80, np.zeros(2, int)],
}


def refused(name, value, call):
    """The complaint about a call that is no ValueError of one line; None without one."""
    try:
        call()
    except ValueError as error:
        if "\n" not in str(error) and name in str(error):
            return None
        return f"{name} {value!r}: {error}"
    except Exception as error:  # noqa: BLE001 - whatever else it is, it is wrong
        return f"{name} {value!r}: {error!r}"
    return f"{name} {value!r} is not refused"


def complaints(model, state):
    """What is wrong with how each value of the tables above is met."""
    sampler = NativeSampler(model, BATCH, BLOCK)
    right = {"state": state, "uniforms": NOISE, "conditioning": CODES}
    for name, values in OPTIONS.items():
        for value in values:
            options = {"batch_size": BATCH, "block_steps": BLOCK, name: value}
            yield refused(name, value, lambda o=options: NativeSampler(model, **o))
    for name, values in CALLS.items():
        for value in values:
            yield refused(name, value, lambda g=right | {name: value}: sampler(**g))
    for name, values in STATES.items():
        for value in values:
            wrong = right | {"state": state._replace(**{name: value})}
            yield refused(name, value, lambda g=wrong: sampler(**g))
    for value in (None, (), tuple(state), {}):
        yield refused("state", value, lambda g=right | {"state": value}: sampler(**g))


@pytest.fixture(scope="module")
def model(randomize):
    model = WaveNet(CLASSES, 2, 3, 2, 6, 16, CHANNELS)
    model.build()
    return randomize(model, scale=0.2)


@pytest.mark.skipif(not native.AVAILABLE, reason="no kernel")
def test_wrong_arguments_raise_errors_and_never_crash_the_process(model):
    """All in one process of its own, which is to come to its end."""
    sampler = NativeSampler(model, BATCH, BLOCK)
    state = sampler.initial_state()  # TensorFlow's threads do not survive forking
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send([*complaints(model, state)]))
    process.start()
    sender.close()
    found = receiver.recv() if receiver.poll(60) else ["it hangs"]
    process.join(10)
    assert process.exitcode == 0
    assert [text for text in found if text] == []
    assert len(found) > 120


@pytest.mark.skipif(not native.AVAILABLE, reason="no kernel")
def test_arrays_of_any_layout_give_the_same(model):
    """Strides, byte orders and types change nothing; what is given is not changed."""
    sampler = NativeSampler(model, BATCH, BLOCK, top_k=2**62)
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 8, [BATCH, BLOCK]).astype(np.float32) / 8
    codes = rng.integers(-3, 4, [BATCH, 4, CHANNELS]).astype(np.float32)
    state = sampler.initial_state()
    _, expected, _ = sampler(state, noise, 0.7, codes, KNOWN)
    wide = np.zeros([BATCH, 2 * BLOCK], np.float64)
    wide[:, ::2] = noise
    fortran = state._replace(ring=np.asfortranarray(state.ring))
    for given in (
        (state, wide[:, ::2], 0.7, codes[..., ::-1][..., ::-1], KNOWN.astype(">i8")),
        (fortran, np.asfortranarray(noise), np.float32(0.7), codes.astype(int), KNOWN.T.copy().T),
        (state, tf.constant(noise), tf.constant(0.7), tf.Variable(codes), KNOWN.tolist()),
        (state, noise.astype(np.float16), 0.7, codes.astype(">f8"), None),
    ):
        _, ids, _ = sampler(*given)
        np.testing.assert_array_equal(ids, expected)
    assert not state.ring.any() and (state.previous == -1).all()


@pytest.mark.parametrize("wrong", [{"temperature": NAN}, {"temperature": -2.0}, {"top_p": 0.0}])
def test_levels_refuse_numbers_before_they_generate(wrong, make_wavenet):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Level(make_wavenet(), SamplingConfig(**wrong), backend="graph")
    if "temperature" in wrong:
        level = Level(make_wavenet(), SamplingConfig(), backend="graph")
        with pytest.raises(ValueError, match="temperature"):
            level.with_config(SamplingConfig(**wrong))
