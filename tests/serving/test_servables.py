"""Servables of every kind, asked without ada, answer what Python computes."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from serving_reference import Reference

from ada.generation import SamplingConfig
from ada.serving import signatures
from ada.serving.servable import Servable

KINDS = (
    *("wavenet", "upsampling vqvae", "amae", "nsynth", "notes", "prior"),
    *("three levels", "no prior", "codes alone"),
)
ITEMS, SEED, STEPS, PROMPT = [0, 1, 6], 2**40 + 5, 75, 37
BLOCK = 16
EXACT = 1e-6  # of float32 that another process computed


def how(temperature=1.0, items=ITEMS):
    return {
        "seed": np.int64(SEED),
        "temperature": np.float32(temperature),
        "items": np.array(items, np.int32),
    }


def requests_for(reference):
    """Everything to ask of one servable, by a key."""
    audio = reference.info.kind == "audio"
    signal_name, prompt_name = ("audio", "prompt") if audio else ("ids", "prompt_ids")
    signal = reference.signal
    found = {"score": ("score", {signal_name: signal})}
    prompt = {prompt_name: signal[:, :PROMPT]}
    if reference.has_prior:
        for temperature in (1.0, 0.0):
            inputs = {"steps": np.int32(STEPS)} | how(temperature)
            found["generate", temperature] = "generate", inputs
        found["one item"] = "generate", {"steps": np.int32(STEPS)} | how(items=ITEMS[2:])
        found["stream"] = "stream", {"blocks": 5} | how()
        rest = np.int32(STEPS - PROMPT)
        found["continue"] = "continue", prompt | {"steps": rest} | how()
    codes = reference.encoded(signal)[0]
    if reference.decoders:
        codes_name = "codes" if codes.ndim == 2 else "embeddings"
        given = {codes_name: codes}
        found["encode"] = "encode", {signal_name: signal}
        found["reconstruct"] = "reconstruct", {signal_name: signal} | how()
        for temperature in (1.0, 0.0):
            found["decode", temperature] = "decode", given | how(temperature)
        found["one row"] = "decode", {codes_name: codes[2:]} | how(items=ITEMS[2:])
        if not reference.has_prior:
            found["continue"] = "continue", given | prompt | how()
            found["stream"] = "stream", {"blocks": 6} | given | how()
    return found


@pytest.fixture(scope="module")
def references(chain_of):
    return {kind: Reference(chain_of(kind)) for kind in KINDS}


@pytest.fixture(scope="module")
def answers(references, exported, tmp_path_factory):
    """What the servables say, by kind and key; asked in a process of their own."""
    directory = tmp_path_factory.mktemp("answers")
    requests = {
        (str(exported(kind)), key): request
        for kind, reference in references.items()
        for key, request in requests_for(reference).items()
    }
    (directory / "requests").write_bytes(pickle.dumps(requests))
    script = Path(__file__).with_name("answer.py")
    process = subprocess.run(
        [sys.executable, "-I", script, directory / "requests", directory / "answers"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    found = pickle.loads((directory / "answers").read_bytes())
    kinds = {str(exported(kind)): kind for kind in KINDS}
    return {(kinds[model], key): outputs for (model, key), outputs in found.items()}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def signal_of(outputs):
    return outputs["audio"] if "audio" in outputs else outputs["ids"]


def test_codes_are_those_of_the_model(kind, answers, references):
    reference = references[kind]
    if not reference.decoders:
        assert (kind, "encode") not in answers
        return
    expected, outputs = reference.encoded(reference.signal)[0], answers[kind, "encode"]
    if kind == "nsynth":
        np.testing.assert_allclose(outputs["embeddings"], expected, atol=EXACT)
    else:
        assert outputs["codes"].dtype == np.int32
        np.testing.assert_array_equal(outputs["codes"], expected)


def test_scores_are_those_of_the_models(kind, answers, references):
    outputs = dict(answers[kind, "score"])
    scores = references[kind].scores(references[kind].signal)
    total = outputs.pop("log_prob")
    assert len(outputs) == len(scores)
    for number, expected in enumerate(scores):
        np.testing.assert_allclose(outputs[f"log_prob_steps_{number}"], expected, atol=1e-4)
    np.testing.assert_allclose(total, sum(s.sum(1) for s in scores), rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_draws_are_those_of_python(temperature, kind, answers, references):
    reference = references[kind]
    if reference.has_prior:
        drawn = reference.drawn(ITEMS, SEED, temperature, steps=STEPS)
        outputs = answers[kind, ("generate", temperature)]
        np.testing.assert_array_equal(signal_of(outputs), reference.from_ids(drawn[-1]))
        if reference.decoders:
            np.testing.assert_array_equal(outputs["codes"], drawn[0])
    if reference.decoders:
        codes = reference.encoded(reference.signal)[0]
        drawn = reference.drawn(ITEMS, SEED, temperature, codes=codes)
        outputs = answers[kind, ("decode", temperature)]
        np.testing.assert_array_equal(signal_of(outputs), reference.from_ids(drawn[-1]))


def test_codes_that_were_generated_decode_to_what_was_generated(exported):
    """As `length_rule` of the metadata says; the codes of `encode` are ceil(n / hop)."""
    ask = tf.saved_model.load(str(exported("three levels"))).signatures
    given = {name: tf.constant(value) for name, value in how().items()}
    made = ask["generate"](steps=tf.constant(STEPS), **given)
    again = ask["decode"](codes=made["codes"], **given)["audio"][:, :STEPS]
    np.testing.assert_array_equal(again, made["audio"])
    assert made["codes"].shape[1] > ask["encode"](audio=made["audio"])["codes"].shape[1] == 5


def refused(signature, message, **inputs):
    """That it fails, and says so."""
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signature(**{name: tf.constant(value) for name, value in inputs.items()})


def test_requests_that_cannot_be_met_say_why(exported):
    ask = tf.saved_model.load(str(exported("two levels"))).signatures
    nobody = how(items=np.zeros(0, np.int32))
    refused(ask["generate"], "at least one item", steps=20, **nobody)
    refused(ask["decode"], "at least one item", codes=np.zeros((0, 9), np.int32), **nobody)
    refused(ask["encode"], "at least one item", audio=np.zeros((0, 9), np.float32))
    refused(ask["score"], "at least one item", audio=np.zeros((0, 9), np.float32))
    refused(ask["initial_state"], "at least one item", items=np.zeros(0, np.int32))
    three = how() | {"temperature": np.ones(3, np.float32)}
    refused(ask["generate"], "one number, or 2: one a level", steps=20, **three)
    refused(ask["generate"], "at most 1048576: stream", steps=2**20 + 1, **how())
    prompt = np.zeros((3, 40), np.float32)
    refused(ask["continue"], "steps must be 0 or more", prompt=prompt, steps=-10, **how())
    refused(ask["continue"], "at most 1048576|1 or more", prompt=prompt, steps=2**31 - 1, **how())
    given = tf.saved_model.load(str(exported("no prior"))).signatures["continue"]
    codes = np.zeros((3, 2), np.int32)
    refused(given, "longer than what the codes stand for", codes=codes, prompt=prompt, **how())


@pytest.mark.parametrize("kind", ["two levels", "no prior", "nsynth"])
def test_no_signature_takes_more_than_max_steps(kind, chain_of):
    chain = chain_of(kind)
    models = [chain.load_model(n) for n in range(len(chain.runs))]
    most = 48
    servable = Servable(models, chain.runs[-1].info, [SamplingConfig()] * len(models), False, most)
    code_steps = {"two levels": 4, "no prior": 16, "nsynth": 4}[kind]
    assert servable.code_steps == code_steps
    given = {name: tf.constant(value) for name, value in how(items=[0]).items()}

    def codes(count):
        return tf.zeros([1, count, 3]) if kind == "nsynth" else tf.zeros([1, count], tf.int32)

    def signal(count):
        return tf.zeros([1, count], tf.float32 if servable.signal == "audio" else tf.int32)

    calls = {
        "encode": lambda n: servable.encode(signal(n)),
        "score": lambda n: servable.score(signal(n)),
        "reconstruct": lambda n: servable.reconstruct(signal(n), **given),
        "decode": lambda n: servable.decode(codes(-(-n // code_steps)), **given),
    }
    if servable.has_prior:
        calls["generate"] = lambda n: servable.generate(tf.constant(n), **given)
        calls["continue"] = lambda n: servable.continued(signal(9), tf.constant(n - 9), **given)
    else:
        calls["continue"] = lambda n: servable.decode_continued(
            codes(-(-n // code_steps)), signal(9), **given
        )
    others = {"initial_state", "generate_block"}
    assert {*calls, *others} == set(signatures._functions(servable))
    for call in map(tf.function, calls.values()):
        with pytest.raises(tf.errors.InvalidArgumentError, match="with a larger --max_steps"):
            call(most + 1)
    # The longest that is allowed is answered.
    answer = tf.function(servable.decode)(codes(most // code_steps), **given)
    assert signal_of(answer).shape == [1, most]


def test_states_that_no_stream_comes_to_are_refused(exported):
    """A level said to be far on would let that above it draw for ever."""
    ask = tf.saved_model.load(str(exported("two levels"))).signatures
    inputs = {name: tf.constant(value) for name, value in how().items()}
    state = ask["initial_state"](items=inputs["items"])
    for _ in range(3):
        state = ask["generate_block"](**inputs, **state)
        for name in ("audio", "num_steps"):
            state.pop(name)
    state = {name: value.numpy() for name, value in state.items()}
    assert state["step_0"].tolist() == [48] * 3
    # Levels are checked side by side: any that is wrong may be named.
    message = r"the state of level \d is none"
    for name, value in (
        ("step_0", 2**50),
        ("step_0", -16),
        ("step_0", 7),
        ("step_1", 2**40),
        ("step_1", 0),
        ("previous_0", 7),
        ("previous_1", -7),
        ("kept_1", 7),
    ):
        wrong = state | {name: state[name].copy()}
        wrong[name][1] = value
        refused(ask["generate_block"], message, **how(), **wrong)
    assert ask["generate_block"](**inputs, **state)["num_steps"].numpy().tolist() == [16] * 3


def test_an_item_does_not_depend_on_those_beside_it(kind, answers, references):
    for whole, alone in [(("generate", 1.0), "one item"), (("decode", 1.0), "one row")]:
        if (kind, whole) in answers:
            np.testing.assert_array_equal(
                signal_of(answers[kind, whole])[2:], signal_of(answers[kind, alone])
            )


def test_blocks_are_parts_of_the_whole(kind, answers, references):
    whole = ("generate", 1.0) if references[kind].has_prior else ("decode", 1.0)
    whole, blocks = signal_of(answers[kind, whole]), answers[kind, "stream"]["signal"]
    steps = min(whole.shape[1], blocks.shape[1])
    assert steps > 3 * BLOCK
    np.testing.assert_array_equal(blocks[:, :steps], whole[:, :steps])
    if not references[kind].has_prior:
        assert whole.shape == blocks.shape


def test_a_prompt_goes_on_as_in_python(kind, answers, references):
    reference = references[kind]
    outputs = signal_of(answers[kind, "continue"])
    prompt = reference.signal[:, :PROMPT]
    np.testing.assert_array_equal(outputs[:, :PROMPT], prompt)
    known = reference.encoded(prompt, inside=True)
    if reference.has_prior:
        drawn = reference.drawn(ITEMS, SEED, 1.0, steps=STEPS, prefixes=known)
    else:
        codes = reference.encoded(reference.signal)[0]
        drawn = reference.drawn(ITEMS, SEED, 1.0, codes=codes, prefixes=known[1:])
    np.testing.assert_array_equal(outputs, reference.from_ids(drawn[-1]))


def test_a_reconstruction_is_as_long_as_the_signal(kind, answers, references):
    if references[kind].decoders:
        signal = signal_of(answers[kind, "reconstruct"])
        assert signal.shape == references[kind].signal.shape
        if kind != "nsynth":  # its embeddings, computed in another process, differ by rounding
            whole = signal_of(answers[kind, ("decode", 1.0)])
            np.testing.assert_array_equal(signal, whole[:, : signal.shape[1]])
