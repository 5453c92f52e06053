"""What makes a Keras object rebuildable from JSON alone."""

import inspect

import keras


class Configured:
    """Mixin: `get_config` from the constructor's own argument names.

    Every argument of `__init__` (but `**kwargs`) must be kept as an attribute of the same name, so
    that none can be forgotten. Keras objects among them are serialised too.
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
        """Weights are made by `build`, under the caller's strategy, never by deserialising."""
        return


def _arguments(cls: type) -> list[str]:
    parameters = inspect.signature(cls.__init__).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD]
