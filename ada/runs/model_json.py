"""The text of `model.json`: what a model is made of, and what it may ask for."""

import json
from collections.abc import Iterator
from typing import Any

import keras

import ada.extensions  # noqa: F401 - makes its layers known to Keras
from ada.models import AutoregressiveDiscreteAutoencoder, WaveNet
from ada.runs.old_formats import upgraded
from ada.utils.jsonable import parse_json


def model_config(model: keras.Model) -> str:
    """The JSON text of `model.json`."""
    config = _without_names(keras.saving.serialize_keras_object(model))
    return json.dumps(config, indent=1, sort_keys=True) + "\n"


def differing_fields(one: str, other: str) -> list[str]:
    """Names of the fields in which two texts of `model.json` differ.

    Modules do not count: a class that moved to another file is the same class.
    """
    flat = [dict(_leaves(upgraded(json.loads(text)))) for text in (one, other)]
    names = sorted(n for n in set(flat[0]) | set(flat[1]) if n.split(".")[-1] != "module")
    return [name for name in names if flat[0].get(name) != flat[1].get(name)]


def is_old(text: str) -> bool:
    """Whether an older version wrote a text of `model.json`, with options that have moved."""
    config = parse_json(text)
    return upgraded(config) != config


def _leaves(config: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(config, dict):
        yield name, config
        return
    for key, value in config.items():
        inner = name if key == "config" else f"{name}.{key}".lstrip(".")
        yield from _leaves(value, inner)


def _without_names(config: Any) -> Any:
    """Drops Keras's automatic layer names: they count what a process made before."""
    if isinstance(config, list):
        return [_without_names(item) for item in config]
    if not isinstance(config, dict):
        return config
    is_layer = "name" in config and "trainable" in config
    kept = {key: value for key, value in config.items() if not (is_layer and key == "name")}
    return {key: _without_names(value) for key, value in kept.items()}


def model_from_config(text: str) -> keras.Model:
    """The model, not built; nothing but classes of ada is made, and no code is run.

    Raises:
      ValueError: if the text asks for anything else.
      TypeError, LookupError, AttributeError: if it is damaged.
    """
    config = upgraded(parse_json(text))
    _require_own_classes(config)
    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not isinstance(model, (WaveNet, AutoregressiveDiscreteAutoencoder)):
        raise ValueError("it holds no model of ada")
    return model


def _require_own_classes(config: Any) -> None:
    """Raises ValueError for classes other than layers of ada and precisions of Keras.

    Keras would look up any name in any module; its safe mode only guards against some of them.

    Raises:
      ValueError: naming what it asks for.
    """
    if isinstance(config, (dict, list)):
        for value in config.values() if isinstance(config, dict) else config:
            _require_own_classes(value)
    if not isinstance(config, dict) or "class_name" not in config:
        return
    name, registered = config["class_name"], config.get("registered_name")
    is_ours = registered == f"ada>{name}" and keras.saving.get_registered_object(registered)
    if not is_ours and (config.get("module"), name) != ("keras", "DTypePolicy"):
        raise ValueError(f"it asks for {config.get('module')}.{name}, which is not a layer of ada")
