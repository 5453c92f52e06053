"""A client of a servable behind TensorFlow Serving's gRPC: requests, responses, endless streams.

client = Client("localhost:8500", "hop64")
audio = client.predict("generate", steps=16000, items=[0, 1], seed=3, temperature=0.9)["audio"]
for block in client.stream(items=[0], seed=3):
    play(block[0])
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ada.serving.tensors import as_array
from ada.utils.errors import UserError
from ada.utils.extras import how_to_install

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

# The state of a large model is more than gRPC's 4 MB.
_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def require_api() -> None:
    """Raises UserError if tensorflow-serving-api is not installed."""
    try:
        import tensorflow_serving.apis  # noqa: F401
    except ImportError:
        raise UserError(how_to_install("serving", "tensorflow-serving-api")) from None


def make_request(
    model: str, signature: str, inputs: dict[str, Any], version: int | None = None
) -> "PredictRequest":
    """A request to a signature; inputs are converted to the types that it takes.

    Args:
      model: what the server calls the model.
      signature: see `ada.serving.signatures`.
      inputs: by name.
      version: of the model; the newest if None.
    """
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(as_array(name, value)))
    return request


def read_response(response: "PredictResponse") -> dict[str, np.ndarray]:
    """The outputs of a response by name."""
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


class Client:
    """Asks one model of a server.

    Args:
      address: of its gRPC port, such as "localhost:8500".
      model: what the server calls the model.
      version: of the model; the newest if None.
      timeout_secs: of each request.

    Raises:
      UserError: if tensorflow-serving-api is not installed.
    """

    def __init__(
        self, address: str, model: str, version: int | None = None, timeout_secs: float = 60.0
    ) -> None:
        require_api()
        import grpc
        from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

        self._channel = grpc.insecure_channel(address, _ANY_SIZE)
        self._stub = PredictionServiceStub(self._channel)
        self._model, self._version, self._timeout_secs = model, version, timeout_secs

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self._channel.close()

    def predict(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """The outputs of a signature.

        Where it samples and nothing else is said, it samples item 0 (or one for each row of codes,
        audio or prompt) of seed 0 at temperature 1.

        Raises:
          grpc.RpcError: if the server does not answer, or refuses.
        """
        if signature not in ("encode", "score"):
            inputs = self._defaults(signature, inputs) | inputs
        request = make_request(self._model, signature, inputs, self._version)
        return read_response(self._stub.Predict(request, timeout=self._timeout_secs))

    def stream(self, **inputs: Any) -> Iterator[np.ndarray]:
        """A signal block by block, `[items, steps]`: without an end, or to that of the codes.

        Args:
          inputs: items, seed, temperature; and codes where `generate_block` takes them.

        Raises:
          grpc.RpcError: if the server does not answer, or refuses.
        """
        inputs = self._defaults("generate_block", inputs) | inputs
        state = self.predict("initial_state", items=inputs["items"])
        for _ in itertools.count():
            state = self.predict("generate_block", **inputs, **state)
            signal = state.pop("audio") if "audio" in state else state.pop("ids")
            steps = int(state.pop("num_steps").max())
            if not steps:
                return
            yield signal[:, :steps]

    @staticmethod
    def _defaults(signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
        rows = [inputs[name] for name in ("codes", "embeddings", "audio", "ids") if name in inputs]
        rows += [inputs[name] for name in ("prompt", "prompt_ids") if name in inputs]
        items = {"items": list(range(len(rows[0]) if rows else 1))}
        return items if signature == "initial_state" else items | {"seed": 0, "temperature": 1.0}
