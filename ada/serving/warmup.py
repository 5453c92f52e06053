"""Requests with which TensorFlow Serving warms up a model before it answers others.

It reads `assets.extra/tf_serving_warmup_requests`: TFRecords of `PredictionLog`, at most 1,000
(https://www.tensorflow.org/tfx/serving/saved_model_warmup).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from ada.serving.client import make_request, require_api
from ada.serving.tensors import as_array

FILE_NAME = "tf_serving_warmup_requests"
# Steps of what has a length, unless an export allows fewer.
LENGTH = 64


def write_warmup(
    path: Path, model_name: str, signatures: dict[str, Callable], length: int = LENGTH
) -> None:
    """Writes one small request for every signature.

    Args:
      path: of the file.
      model_name: what the server will call the model.
      signatures: as traced.
      length: steps of what has a length.

    Raises:
      UserError: if tensorflow-serving-api is not installed.
    """
    require_api()
    from tensorflow_serving.apis import prediction_log_pb2

    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in warmup_inputs(signatures, length):
            request = make_request(model_name, name, inputs)
            log = prediction_log_pb2.PredictLog(request=request)
            record = prediction_log_pb2.PredictionLog(predict_log=log)
            writer.write(record.SerializeToString())


def warmup_inputs(
    signatures: dict[str, Callable], length: int
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Small inputs of every signature, by its name: one item, few steps, ids 0."""
    items = as_array("items", [0])
    state = signatures["initial_state"](items=tf.constant(items))
    known = {"items": items} | {name: tensor.numpy() for name, tensor in state.items()}
    for name, function in sorted(signatures.items()):
        specs = function.structured_input_signature[1]
        yield (
            name,
            {key: known[key] if key in known else _small(specs[key], length) for key in specs},
        )


def _small(spec: tf.TensorSpec, length: int) -> np.ndarray:
    """`length` steps, at temperature 1; all else is zero, in one row of `length` steps."""
    if spec.name in ("steps", "temperature"):
        return as_array(spec.name, length if spec.name == "steps" else 1.0)
    shape = [1, length, *spec.shape[2:]] if spec.shape.rank else []
    return np.zeros(shape, spec.dtype.as_numpy_dtype)
