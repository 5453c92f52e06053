"""What Python makes of the same requests: `ada.generation` and the models themselves."""

import functools

import numpy as np

from ada.generation import Level, SamplingConfig, Stream
from ada.generation.lengths import chain_geometry, codes_inside, level_lengths
from ada.serving.servable import in_float32


class Reference:
    """The models of a chain, and what is drawn from them."""

    def __init__(self, chain, backend="graph"):
        self.info = chain.runs[-1].info
        self.models = [in_float32(chain.load_model(n)) for n in range(len(chain.runs))]
        self.has_prior = self.models[0].quantizer is None
        self.decoders = self.models[1:] if self.has_prior else self.models
        self._geometry = chain_geometry(chain)[-len(self.decoders) :] if self.decoders else ()
        top = len(self.models) - 1
        self._levels = [
            Level(model, SamplingConfig(), index=top - n, batch_size=1, backend=backend)
            for n, model in enumerate(self.models)
        ]

    @functools.cached_property
    def signal(self):
        """A signal of a length that is no multiple of a hop."""
        rng = np.random.default_rng(7)
        ids = rng.integers(0, self.info.num_classes, (3, 57)).astype(np.int32)
        return self.from_ids(ids)

    def from_ids(self, ids):
        is_audio = self.info.kind == "audio"
        return np.asarray(self.info.ids_to_audio(ids), np.float32) if is_audio else ids

    def to_ids(self, signal):
        if self.info.kind == "codes":
            return signal
        values = self.from_ids(np.arange(self.info.num_classes))
        return np.abs(signal[..., None] - values).argmin(-1).astype(np.int32)

    def encoded(self, signal, inside=False):
        """Ids of all levels and the codes above them, top first."""
        signals = [self.to_ids(signal)]
        for model, geometry in zip(self.decoders[::-1], self._geometry[::-1], strict=True):
            ids = signals[0]
            codes = np.asarray(model.encode(ids) if model.num_codes else model.queries(ids))
            signals.insert(0, codes[:, : codes_inside(ids.shape[1], geometry)] if inside else codes)
        return signals

    def scores(self, signal):
        """Log p of every step of every level, bottom first."""
        signals, scores = self.encoded(signal), []
        for number, model in enumerate(self.models[::-1]):
            ids = signals[-1 - number]
            if model.quantizer is None or not model.num_codes:
                logits = np.asarray(model(ids))
            else:
                logits = np.asarray(model.decode(signals[-2 - number], ids))
            logits = logits - logits.max(-1, keepdims=True)
            log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            scores.append(np.take_along_axis(log_probs, ids[..., None], -1)[..., 0])
        return scores

    def drawn(self, items, seed, temperature, steps=None, codes=None, prefixes=()):
        """Ids of every level that is drawn, top first."""
        levels = self._levels
        if codes is None:
            lengths = level_lengths(steps, self._geometry)
        else:
            levels = levels[-len(self.decoders) :]
            lengths = list(codes.shape[1] * np.cumprod([m.hop_length for m in self.decoders]))
        levels = [level.with_config(SamplingConfig(seed, temperature)) for level in levels]
        made = Stream(levels, lengths, len(items), codes=codes, prefixes=prefixes, indices=items)
        return [ids for ids, _ in made.collect()]
