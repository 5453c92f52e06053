"""The client over real gRPC, against a server that runs the SavedModel."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from serving_reference import Reference
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from ada.serving.client import Client
from ada.serving.tensors import as_array

ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Server(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers `Predict` as TensorFlow Serving does, as far as the client can tell."""

    def __init__(self, models):
        self._models = {
            name: tf.saved_model.load(str(path)).signatures for name, path in models.items()
        }

    def Predict(self, request, context):  # noqa: N802
        spec = request.model_spec
        if spec.name not in self._models or spec.version.value not in (0, 1):
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {spec.name} {spec.version.value}")
        signatures = self._models[spec.name]
        if spec.signature_name not in signatures:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"no {spec.signature_name}")
        signature = signatures[spec.signature_name]
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        expected = signature.structured_input_signature[1]
        if {n: t.dtype for n, t in inputs.items()} != {n: t.dtype for n, t in expected.items()}:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{sorted(inputs)} do not fit")
        try:
            outputs = signature(**inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse(model_spec=spec)
        for name, tensor in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
        return response


@pytest.fixture(scope="module")
def address(exported):
    models = {"two": exported("two levels"), "decoder": exported("amae")}
    server = grpc.server(ThreadPoolExecutor(2), options=ANY_SIZE)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Server(models), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def client(address):
    with Client(address, "two", version=1) as client:
        yield client


@pytest.fixture(scope="module")
def reference(chain_of):
    return Reference(chain_of("two levels"))


def test_a_chain_is_asked_for_everything(client, reference):
    audio = reference.signal
    codes = client.predict("encode", audio=audio)["codes"]
    np.testing.assert_array_equal(codes, reference.encoded(audio)[0])
    total = sum(scores.sum(1) for scores in reference.scores(audio))
    np.testing.assert_allclose(client.predict("score", audio=audio)["log_prob"], total, rtol=1e-5)

    drawn = client.predict("generate", steps=40, items=[2, 0], seed=-7, temperature=0.8)
    ids = reference.drawn([2, 0], -7, 0.8, steps=40)
    np.testing.assert_array_equal(drawn["audio"], reference.from_ids(ids[-1]))
    alone = client.predict("generate", steps=40, seed=-7, temperature=[0.8, 0.8])["audio"]
    np.testing.assert_array_equal(alone, drawn["audio"][1:])

    decoded = client.predict("decode", codes=codes)["audio"]
    ids = reference.drawn([0, 1, 2], 0, 1.0, codes=codes)
    np.testing.assert_array_equal(decoded, reference.from_ids(ids[-1]))
    again = client.predict("reconstruct", audio=audio)["audio"]
    np.testing.assert_array_equal(again, decoded[:, : audio.shape[1]])
    longer = client.predict("continue", prompt=audio, steps=7)["audio"]
    np.testing.assert_array_equal(longer[:, :-7], audio)


def test_a_stream_goes_on(client, reference):
    blocks = client.stream(items=[5], seed=3)
    audio = np.concatenate([next(blocks) for _ in range(5)], axis=1)
    ids = reference.drawn([5], 3, 1.0, steps=audio.shape[1])[-1]
    np.testing.assert_array_equal(audio, reference.from_ids(ids))


def test_a_stream_of_codes_ends_with_them(address):
    codes = np.random.default_rng(1).integers(0, 8, (2, 11))
    with Client(address, "decoder") as client:
        whole = client.predict("decode", codes=codes)["audio"]
        assert whole.shape == (2, 44)
        np.testing.assert_array_equal(np.concatenate([*client.stream(codes=codes)], 1), whole)


def test_messages_may_be_large(client):
    """More than gRPC's 4 MB."""
    state = client.predict("initial_state", items=np.zeros(30000))
    assert state["ring_0"].nbytes > 2**22
    assert (state["previous_0"] == -1).all()


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("generate", {"steps": 0}, "steps must be 1 or more"),
        ("generate", {"steps": 4, "items": [-1]}, "items must be 0 or more"),
        ("generate", {"steps": 4, "temperature": -1}, "temperature must be 0 or more"),
        ("decode", {"codes": [[0, 7]]}, r"codes must be 0 \.\. 6"),
        ("decode", {"codes": [[-1]]}, r"codes must be 0 \.\. 6"),
        ("decode", {"codes": np.zeros([1, 0])}, "codes: there must be at least one step"),
        ("decode", {"codes": [[0]], "items": [0, 1]}, "as many items as rows"),
        ("encode", {"audio": [[np.nan]]}, "audio : Tensor had NaN"),
        ("encode", {"audio": np.zeros([1, 0])}, "audio: there must be at least one step"),
        ("continue", {"prompt": np.zeros([1, 0]), "steps": 4}, "at least one step"),
        ("nothing", {}, "no nothing"),
    ],
)
def test_invalid_requests_are_refused(signature, inputs, message, client):
    with pytest.raises(grpc.RpcError, match=message):
        client.predict(signature, **inputs)
    assert client.predict("generate", steps=1)["audio"].shape == (1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("codes", [[1.7]]), ("items", np.array([2**32 + 3])), ("steps", 99.9), ("seed", 2**63)],
)
def test_no_value_is_taken_for_another(name, value):
    with pytest.raises((ValueError, OverflowError), match=f"{name} takes int|too large"):
        as_array(name, value)
