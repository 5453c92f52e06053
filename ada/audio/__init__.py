"""Audio: companding, reading, resampling, writing.

Importing this package imports neither TensorFlow nor tensorflow-io.
"""

from ada.audio.companding import (
    COMPANDINGS,
    get_companding,
    mu_law_decode,
    mu_law_encode,
    uniform_decode,
    uniform_encode,
)
from ada.audio.errors import AudioError, AudioNote, DecoderUnavailableError
from ada.audio.reading import DECODERS, AudioBlock, AudioStream, read_audio, stream_audio
from ada.audio.writing import encoded_bytes, from_pcm16, pcm16, wav_bytes, write_wav

__all__ = [
    "COMPANDINGS",
    "DECODERS",
    "AudioBlock",
    "AudioError",
    "AudioNote",
    "AudioStream",
    "DecoderUnavailableError",
    "encoded_bytes",
    "from_pcm16",
    "get_companding",
    "mu_law_decode",
    "mu_law_encode",
    "pcm16",
    "read_audio",
    "stream_audio",
    "uniform_decode",
    "uniform_encode",
    "wav_bytes",
    "write_wav",
]
