"""Quantisers: one interface, three kinds (VQ-VAE, AMAE, and none for NSynth)."""

from ada.quantizers.argmax import ArgmaxQuantizer
from ada.quantizers.base import Quantizer, QuantizerOutput, perplexity
from ada.quantizers.collapse import collapsed, least_perplexity
from ada.quantizers.identity import IdentityQuantizer
from ada.quantizers.kmeans import kmeans
from ada.quantizers.vector import VectorQuantizer

__all__ = [
    "ArgmaxQuantizer",
    "IdentityQuantizer",
    "Quantizer",
    "QuantizerOutput",
    "VectorQuantizer",
    "collapsed",
    "kmeans",
    "least_perplexity",
    "perplexity",
]
