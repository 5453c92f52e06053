"""Quantisers: one interface, three kinds (VQ-VAE, AMAE, and none for NSynth), and their loss."""

from ada.quantizers.argmax import ArgmaxQuantizer
from ada.quantizers.base import LookUp, Quantizer, QuantizerOutput
from ada.quantizers.identity import IdentityQuantizer
from ada.quantizers.loss import ada_loss
from ada.quantizers.usage import collapsed, equal_weights, least_perplexity, perplexity
from ada.quantizers.vector import VectorQuantizer

__all__ = [
    "ArgmaxQuantizer",
    "IdentityQuantizer",
    "LookUp",
    "Quantizer",
    "QuantizerOutput",
    "VectorQuantizer",
    "ada_loss",
    "collapsed",
    "equal_weights",
    "least_perplexity",
    "perplexity",
]
