"""ada: autoregressive discrete autoencoders for raw-audio music generation.

Reference implementation of "The challenge of realistic music generation: modelling raw audio at
scale" (Dieleman, van den Oord, Simonyan 2018, arXiv:1806.10474).
"""

import os

# TensorFlow prints start-up chatter to stderr unless asked not to before its first import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The whole project is Keras 3 on TensorFlow, whatever other projects have set.
os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.1.0"
