"""A mixin that lets Keras objects be rebuilt from their JSON config."""

import inspect

import keras


class Configured:
    """Mixin that builds `get_config` from the argument names of the constructor.

    Every argument of `__init__` except `**kwargs` must be stored in an attribute of the same name.
    Keras layers among them are serialised too.
    """

    def get_config(self) -> dict:
        config = super().get_config()
        for name in _arguments(type(self)):
            value = getattr(self, name)
            is_object = isinstance(value, keras.layers.Layer)
            config[name] = keras.saving.serialize_keras_object(value) if is_object else value
        return config

    @classmethod
    def from_config(cls, config: dict) -> "Configured":
        loaded = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and "class_name" in value
            else value
            for name, value in config.items()
        }
        return cls(**loaded)

    def get_build_config(self) -> None:
        """None: weights are made by `build`, under the caller's strategy, not by deserialising."""
        return


def _arguments(cls: type) -> list[str]:
    parameters = inspect.signature(cls.__init__).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD]
