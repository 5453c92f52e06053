"""Writes a servable as a version of a model that TensorFlow Serving loads."""

import json
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from ada.generation import SamplingConfig
from ada.runs.chain import Chain
from ada.serving import metadata, warmup
from ada.serving.client import require_api
from ada.serving.servable import Servable
from ada.serving.signatures import trace
from ada.serving.tensors import MAX_STEPS
from ada.serving.versions import COMMAND, check_output
from ada.utils import log, made
from ada.utils.files import write_text_atomically

# Folder of TensorFlow Serving for files that are not part of the graph.
EXTRA = "assets.extra"


def export(
    chain: Chain,
    output_dir: str,
    configs: Sequence[SamplingConfig],
    *,
    xla: bool = False,
    max_steps: int = MAX_STEPS,
    with_warmup: bool = True,
    overwrite: bool = False,
) -> dict:
    """Writes a chain as one servable; the directory appears whole or not at all.

    Args:
      chain: from any level down to any other.
      output_dir: of the version; its name is a number, that of the directory above it the model's.
      configs: top-k and top-p of every level, top first; the temperature is for the metadata alone.
      xla: whether XLA compiles the sampling loops on the server.
      max_steps: longest signal of a request.
      with_warmup: whether to write warm-up requests.
      overwrite: replace what is there.

    Returns:
      The contents of `metadata.json`.

    Raises:
      UserError: if the directory is there, or tensorflow-serving-api is not.
    """
    path = check_output(output_dir, overwrite)
    if re.search(r"[][\\]", str(path)):
        log.warning(
            f"TensorFlow takes {output_dir} for a pattern and cannot load it from there: serve it "
            "under another name, as docker run -v does."
        )
    if with_warmup:
        require_api()
    models = [chain.load_model(position) for position in range(len(chain.runs))]
    servable = Servable(models, chain.runs[-1].info, configs, xla, max_steps)
    signatures = trace(servable)
    described = metadata.describe(chain, servable, signatures, xla)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A server that looks there at any moment takes no notice of what is not named by a number.
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        save(hidden, signatures)
        extra = hidden / EXTRA
        extra.mkdir()
        text = json.dumps(described, indent=1) + "\n"
        write_text_atomically(str(extra / "metadata.json"), text)
        if with_warmup:
            # Codes so long are allowed, and a prompt that is continued by as much.
            length = max(1, min(warmup.LENGTH, max_steps // (2 * servable.code_steps)))
            warmup.write_warmup(extra / warmup.FILE_NAME, path.parent.name, signatures, length)
        made.mark(hidden, COMMAND, made.files_in(hidden))
        old = hidden.with_suffix(".old")
        if overwrite and path.exists():
            # Again: tracing takes long.
            check_output(output_dir, overwrite)
            path.replace(old)
        try:
            hidden.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return described


def save(path: Path, signatures: dict[str, tf.types.experimental.ConcreteFunction]) -> None:
    """Writes the graph, and of the variables those that it reads."""
    module = tf.Module()
    found = {id(v): v for function in signatures.values() for v in function.variables}
    module.all_variables = list(found.values())
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures, options)
