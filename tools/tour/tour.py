# %% [markdown]
# # A walk through the argument
#
# This notebook follows *The challenge of realistic music generation: modelling raw audio at
# scale* (Dieleman, van den Oord, Simonyan 2018,
# [arXiv:1806.10474](https://arxiv.org/abs/1806.10474)) and the slides that present it, with the
# code of this project. It takes half an hour to read and some three minutes to run on two
# processor cores.
#
# Every section says what is whose:
#
# - **Slides** and **Paper**: what Dieleman et al., or the work they build on, say.
# - **Ours**: a choice of this project. The paper's appendix (widths, schedules) was not at hand.
# - **Seen**: what the cell above has shown. What can be checked is checked by an `assert`.
#
# | | |
# | --- | --- |
# | 1 | Raw audio |
# | 2 | From amplitudes to 256 classes: mu-law |
# | 3 | WaveNet: causal, dilated |
# | 4 | What a receptive field costs |
# | 5 | The seven systems |
# | 6 | NSynth: an autoencoder without codes |
# | 7 | VQ-VAE: where the gradient stops |
# | 8 | AMAE: argmax instead of a codebook |
# | 9 | A first level, trained; what its codes are worth |
# | 10 | Stacking; what a sample costs in all |
# | 11 | Population-based training |
# | 12 | What listeners said |

# %%
from ada.cli import commands

commands.start_tensorflow()  # quietly

# %%
import dataclasses
import importlib.util
import json
import math
import os
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Audio, Markdown, display
from IPython.utils.capture import capture_output

from ada import training
from ada.audio import mu_law_decode, mu_law_encode, read_audio, uniform_decode, uniform_encode
from ada.audio.spectrogram import spectrogram_db
from ada.config import configuration
from ada.config.bindings import load_system
from ada.evaluation.codes import rolled_codes_cost
from ada.extraction.codes import extract_codes
from ada.generation import SamplingConfig, load_levels, stream
from ada.inspection.cost import training_memory
from ada.layers import CausalConv1D
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.preparation import bundled
from ada.quantizers import ArgmaxQuantizer, IdentityQuantizer, VectorQuantizer
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.utils import resources

SAMPLE_RATE = 16000  # Hz; paper
BITS = 1 / math.log(2)  # to a nat
# Training steps of a model; with few, for a quick try, second levels learn nothing.
STEPS = int(os.environ.get("ADA_TOUR_STEPS", "180"))
QUICK = "ADA_TOUR_STEPS" in os.environ
ALIVE_ABOVE_BITS = 0.3
keras.utils.set_random_seed(0)
work = tempfile.TemporaryDirectory(prefix="ada_tour_")  # runs and codes; gone with the kernel
plt.rcParams.update({"figure.dpi": 80, "figure.figsize": (9, 2.6), "axes.grid": True})
plt.rcParams.update({"figure.constrained_layout.use": True, "grid.alpha": 0.3})


def player(title: str, audio: np.ndarray) -> None:
    """Shows a player of audio in [-1, 1] at its own loudness."""
    display(Markdown(title), Audio(audio, rate=SAMPLE_RATE, normalize=False))


# %% [markdown]
# ## 1 Raw audio
#
# **Slides.** Music models usually work on symbols. Many instruments have complex action spaces: a
# guitar is played with a pick or a finger, at one place of the string or another, with harmonics.
# That is a rich palette of timbres, and a score does not hold it. The waveform does.
#
# **Ours.** The audio here is bundled with the project: ten public-domain piano pieces, 45 s each.

# %%
audio = read_audio(str(resources.sample_audio_dir() / "satie_gymnopedie_1.ogg"), SAMPLE_RATE)
excerpt = audio[6 * SAMPLE_RATE : 8 * SAMPLE_RATE]
assert audio.shape == (45 * SAMPLE_RATE,)

figure, axes = plt.subplots(1, 3)
for axis, secs in zip(axes, (45, 2, 0.02), strict=True):
    part = audio if secs == 45 else excerpt[: round(secs * SAMPLE_RATE)]
    axis.plot(np.arange(len(part)) / SAMPLE_RATE, part, linewidth=0.6)
    axis.set(title=f"{len(part):,} samples", xlabel="seconds")
plt.show()
player("Satie, Gymnopédie no. 1", excerpt)

# %% [markdown]
# **Seen.** A period of a note takes some hundred samples, a note some ten thousand, a phrase
# hundreds of thousands. A model of raw audio has to span all of these.

# %% [markdown]
# ## 2 From amplitudes to 256 classes: mu-law
#
# **Slides.** Audio is a discrete time series, quantised uniformly or by mu-law.
#
# **Paper.** 16 kHz, 8 bits, and with $\mu = 255$
#
# $$f(x) = \mathrm{sign}(x)\,\frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)}, \qquad |x| \le 1.$$
#
# **Ours.** The class is $\min(\lfloor (f(x) + 1)/2 \cdot 256 \rfloor, 255)$, and decoding returns
# the centre of the cell.

# %%
x = excerpt.astype(np.float64)
f = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
ids = mu_law_encode(x)
assert (ids == np.minimum(np.floor((f + 1) / 2 * 256), 255)).all()

classes = np.arange(256)
assert (mu_law_encode(mu_law_decode(classes)) == classes).all()
assert abs(mu_law_decode(mu_law_encode(np.zeros(1)))[0]) < 1e-4  # silence stays silent


def signal_to_noise_db(decoded: np.ndarray) -> float:
    """How far the error of quantisation is below the signal."""
    return 10 * np.log10(np.mean(x**2) / np.mean((decoded - x) ** 2))


by_mu_law, by_cells = mu_law_decode(ids), uniform_decode(uniform_encode(x))
mu_law_db, uniform_db = map(signal_to_noise_db, (by_mu_law, by_cells))
print(f"8 bits, signal to noise: mu-law {mu_law_db:.1f} dB, uniform {uniform_db:.1f} dB")
assert mu_law_db > uniform_db + 6

figure, (cells, use) = plt.subplots(1, 2)
for name, decode in (("mu-law", mu_law_decode), ("uniform", uniform_decode)):
    cells.plot(classes, decode(classes), label=name)
cells.set(title="amplitude of each class", xlabel="class")
cells.legend()
use.hist([ids, uniform_encode(x)], bins=64, range=(0, 256), histtype="step")
use.set(title="how often each class occurs", xlabel="class", yscale="log")
plt.show()
player("mu-law, 8 bits", by_mu_law)
player("uniform, 8 bits", by_cells)

# %% [markdown]
# **Seen.** encode(decode(k)) = k for all 256 classes. Mu-law spends its classes where quiet music
# is, so that its noise is lower; the uniform version hisses. From here on, audio is a sequence of
# integers, and a model has to say how likely each of 256 is next.

# %% [markdown]
# ## 3 WaveNet: causal, dilated
#
# **Slides.** Causal dilated convolutions enlarge the receptive field.
#
# First the convolution alone. Layers with two taps are stacked, layer $k$ with dilation $2^k$.
# All weights are one, so that the gradient of the last output counts the ways back to every
# input.

# %%
inputs = tf.Variable(np.zeros([1, 80, 1], np.float32))
seen = []
for depth in range(1, 7):
    with tf.GradientTape() as tape:
        y = inputs
        for k in range(depth):
            layer = CausalConv1D(filters=1, kernel_size=2, dilation_rate=2**k)
            layer.build(y.shape)
            layer.kernel.assign(tf.ones_like(layer.kernel))
            y = layer(y)
        output = y[0, 71, 0]
    ways = tape.gradient(output, inputs)[0, :, 0].numpy()
    seen.append(ways)
    assert (ways[72:] == 0).all()  # causal: nothing after step 71
    assert (ways[72 - 2**depth : 72] == 1).all()  # every input of the field, once
    assert ways.sum() == 2**depth

plt.imshow(seen, aspect="auto", cmap="Blues", extent=(0, 80, 6.5, 0.5))
plt.axvline(72, color="tab:red")
plt.gca().set(xlabel="step; the red line stands after the output's own", ylabel="layers")
plt.title("inputs that the output at step 71 depends on")
plt.show()

# %% [markdown]
# **Seen.** Each layer doubles what is seen: $2^n$ inputs after $n$ layers, none of them ahead.
#
# **Paper** (van den Oord et al. 2016). Every layer is gated, and may be conditioned by $h$: $z =
# \tanh(W_f * x + V_f h) \cdot \sigma(W_g * x + V_g h)$. $x + W_r z$ goes on to the next layer,
# the skips $W_s z$ of all layers are summed, then ReLU, 1x1, ReLU, 1x1, softmax. Inputs are the
# ids shifted by one step, so that the id at $t$ is predicted from those before it.
#
# We replace one id and look which predictions change.

# %%
tiny = WaveNet(
    num_classes=256,
    num_stacks=2,
    layers_per_stack=4,
    kernel_size=2,
    residual_channels=16,
    skip_channels=16,
)
tiny.build()
rng = np.random.default_rng(0)
before = rng.integers(0, 256, [16, 64])
after = before.copy()
after[:, 20] = 255 - after[:, 20]
change = np.abs(tiny(after) - tiny(before)).max(axis=(0, 2))
changed = np.flatnonzero(change)
assert changed[0] == 21  # p(x_20) is predicted without x_20
assert len(changed) == tiny.receptive_field == 1 + 2 * (1 + 2 + 4 + 8)

plt.bar(np.arange(64), change)
plt.axvline(20, color="tab:red", label="the id that was replaced")
plt.gca().set(yscale="log", xlabel="step", title="largest change of a logit")
plt.legend()
plt.show()

# %% [markdown]
# **Seen.** The next 31 predictions change, and no other one. `receptive_field` is the number of
# past ids that can affect a prediction: here two stacks of dilations 1, 2, 4, 8 and the id
# before.

# %% [markdown]
# ## 4 What a receptive field costs
#
# **Slides.** The number of layers grows as the logarithm of the receptive field, but the memory
# of training grows as the field itself. "We cannot scale indefinitely using dilation."
#
# **Ours.** The memory is the estimate of `ada.describe`, fitted to measurements; those themselves
# are in `tools/README.md` (`python -m tools.receptive_field`). A crop is as long as the field and
# 1024 steps more; networks are 16 channels wide.

# %%
settings = configuration.load(
    ["gin/large_wavenet.gin"], ["RESIDUAL_CHANNELS=16", "SKIP_CHANNELS=16", "BATCH_SIZE=1"]
)
fields, layers, memory = [], [], []
for depth in (9, 11, 13, 15, 17):
    network = WaveNet(256, 3, depth, 3, residual_channels=16, skip_channels=16)
    network.build()
    crop = dataclasses.replace(settings, crop_steps=network.receptive_field + 1024)
    fields.append(network.receptive_field / SAMPLE_RATE)
    layers.append(len(network.blocks))
    memory.append(training_memory(network, crop).total / 2**30)
assert set(np.diff(layers)) == {6}  # two layers a stack, for four times the field
assert 3.5 < memory[-1] / memory[-2] < 4.5

figure, (left, right) = plt.subplots(1, 2)
left.plot(fields, layers, "o-")
left.set(xscale="log", xlabel="receptive field, seconds", ylabel="layers")
right.plot(fields, memory, "o-")
right.set(xscale="log", yscale="log", xlabel="receptive field, seconds", ylabel="memory, GiB")
plt.show()
print("seconds:", *(f"{field:.1f}" for field in fields))
print("GiB:    ", *(f"{gib:.1f}" for gib in memory))

# %% [markdown]
# **Seen.** Four times the field takes six layers more, and four times the memory. Music wants
# tens of seconds, and networks far wider than 16 channels.

# %% [markdown]
# ## 5 The seven systems
#
# **Slides.** So the signal is shortened first. An autoencoder turns audio into codes, one every
# hop of 8 or 64 samples, and a large WaveNet models the codes. The slides compare seven systems.
#
# **Ours.** The arithmetic behind the slides' column: *the receptive field of a system is that of
# its top model times the hops below*. 384 ms of 16 kHz audio are 6144 = 3 stacks x 2048 steps: 3
# x 10 layers, kernel 3, dilations 1 to 512. Counted exactly, 6139 past ids affect a prediction.

# %%
# Receptive field in ms, fidelity, musicality (mean, ±), of the slides.
SLIDES = {
    "large_wavenet": (384, (3.82, 0.18), (2.43, 0.14)),
    "very_large_wavenet": (768, (3.82, 0.20), (2.89, 0.17)),
    "thin_wavenet": (3072, (2.43, 0.17), (1.71, 0.18)),
    "hop8_vqvae": (3072, (3.79, 0.16), (3.04, 0.16)),
    "hop64_vqvae": (24576, (3.54, 0.18), (3.07, 0.17)),
    "vqvae_pbt_vqvae": (24576, (3.71, 0.18), (4.04, 0.14)),
    "vqvae_amae": (24576, (3.93, 0.18), (3.46, 0.15)),
}
EXACT = (6139, 12277, 49147, 8 * 6139, 64 * 6139, 64 * 6139, 64 * 6139)

print(f"{'gin/systems/':<20}{'levels':>7}{'hops':>8}{'samples':>10}{'ms':>9}{'slides, ms':>12}")
for (name, (slides_ms, _, _)), exact in zip(SLIDES.items(), EXACT, strict=True):
    names = load_system(f"gin/systems/{name}.gin")
    models = [configuration.load([f"gin/{level}.gin"]).model() for level in names]
    hops = [model.hop_length for model in models[:-1]]
    field = models[-1].receptive_field * math.prod(hops)
    ms = 1000 * field / SAMPLE_RATE
    product = " x ".join(map(str, hops)) or "-"
    print(f"{name:<20}{len(models):>7}{product:>8}{field:>10,}{ms:>9.1f}{slides_ms:>12}")
    assert field == exact
    assert 0.999 < ms / slides_ms < 1

plt.figure(figsize=(9, 2.2))
plt.barh(list(SLIDES)[::-1], [row[0] / 1000 for row in SLIDES.values()][::-1])
plt.gca().set(xscale="log", xlabel="receptive field, seconds")
plt.show()

# %% [markdown]
# **Seen.** The column of the slides, within 0.1 %. (`python -m ada.describe
# --gin_file=gin/systems/hop64_vqvae.gin` prints the same, with parameters, memory and code rates.)
# With hop 64, a model with the memory of 384 ms sees 25 seconds. The price is an autoencoder
# whose codes must hold what matters.

# %% [markdown]
# ## 6 NSynth: an autoencoder without codes
#
# **Slides** (Engel et al. 2017). NSynth is a WaveNet autoencoder: an encoder makes an embedding,
# pooled over time, and a WaveNet is conditioned on it. The embedding is continuous.
#
# **Ours.** It is the same class as all autoencoders to come, with average pooling and the
# identity in place of a quantiser. Hop 512 and 16 channels are NSynth's, all else is small. The
# training loop is written out here, because there is so little to it: the loss is the sum of
# `losses`.

# %%
nsynth = AutoregressiveDiscreteAutoencoder(
    Encoder(512, channels=32, dilation_rates=(1, 2, 4), downsampling="average"),
    IdentityQuantizer(code_dim=16),
    Modulator(32, dilation_rates=()),
    WaveNet(256, 1, 6, 2, residual_channels=32, skip_channels=64, conditioning_channels=32),
)
nsynth.build()
optimizer = keras.optimizers.Adam(3e-3)
piece = mu_law_encode(audio)


@tf.function(autograph=False)
def step(batch: tf.Tensor) -> tf.Tensor:
    """A training step on ids `[batch, time]`; returns -log p(x | q), in nats a sample."""
    with tf.GradientTape() as tape:
        losses = nsynth.compute_losses(batch, training=True).losses
        loss = tf.add_n(list(losses.values()))
    weights = nsynth.trainable_weights
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return losses["nll"]


rng = np.random.default_rng(0)
curve = []
for _ in range(STEPS):
    starts = rng.integers(0, len(piece) - 2048, 4)
    batch = np.stack([piece[start : start + 2048] for start in starts])
    curve.append(BITS * float(step(tf.constant(batch))))
assert np.mean(curve[-5:]) < curve[0] - 1

queries = nsynth.queries(piece[np.newaxis, : 16 * SAMPLE_RATE])
output = nsynth.quantizer(queries)
assert output.quantized.shape == (1, 500, 16)
assert (output.quantized.numpy() == queries.numpy()).all()  # the identity
assert output.codes is None and output.losses == {}  # nothing to count, nothing to add

figure, (left, right) = plt.subplots(1, 2, width_ratios=(1, 2))
left.plot(curve)
left.set(title="bits a sample, given the embedding", xlabel="training step")
right.imshow(queries[0].numpy().T, aspect="auto", extent=(0, 16, 0, 16), interpolation="none")
right.set(title="embedding: 16 numbers every 32 ms", xlabel="seconds")
plt.show()

# %% [markdown]
# **Seen.** It learns, and its embedding follows the music. But real numbers are no ids: a WaveNet
# with a softmax cannot model them, and there is no prior to sample from. NSynth reconstructs. To
# generate, the embedding has to become discrete.

# %% [markdown]
# ## 7 VQ-VAE: where the gradient stops
#
# **Slides.** The autoregressive discrete autoencoder (ADA): $x \to$ encoder $\to$ queries $q \to$
# quantiser $\to$ quantised queries $q'$ and codes $\to$ modulator $\to$ local model, a WaveNet
# over $x$. In a VQ-VAE $q'$ is the nearest codebook vector. Square brackets stop the gradient
# (`tf.stop_gradient`):
#
# $$L = \underbrace{-\log p(x \mid q')}_{\text{reconstruction}}
#     + \underbrace{\alpha\,(q' - [q])^2}_{\text{codebook}}
#     + \underbrace{\beta\,([q'] - q)^2}_{\text{commitment}}$$
#
# The decoder gets $q + [q' - q]$: its value is $q'$, its gradient goes straight to $q$.
#
# **Ours.** A square is summed over the dimensions of $q$ and averaged over batch and time. Below,
# a codebook of five vectors in two dimensions. `pulled` stands in for the decoder: any gradient
# that might come back from it.

# %%
quantizer = VectorQuantizer(num_codes=5, code_dim=2, codebook_weight=1.0, commitment_weight=0.25)
quantizer.build((None, None, 2))
quantizer.codebook.assign([[-0.7, -0.5], [0.8, -0.6], [-0.5, 0.8], [0.6, 0.7], [4.0, 4.0]])
rng = np.random.default_rng(0)
q = tf.Variable(rng.normal(size=(1, 40, 2)).astype(np.float32))
e = quantizer.codebook.value
pulled = tf.constant(rng.normal(size=q.shape).astype(np.float32))
with tf.GradientTape(persistent=True) as tape:
    output = quantizer(q)
    terms = {
        "reconstruction": tf.reduce_sum(pulled * output.quantized),
        "codebook": output.losses["codebook"],
        "commitment": output.losses["commitment"],
    }


def norm(gradient: tf.Tensor | None) -> float:
    """Of a gradient; 0 where there is no way to the variable."""
    return 0.0 if gradient is None else float(tf.norm(gradient))


print(f"{'norm of the gradient of':<24}{'queries':>9}{'codebook':>10}")
to_q = {name: tape.gradient(term, q) for name, term in terms.items()}
to_e = {name: tape.gradient(term, e) for name, term in terms.items()}
for name in terms:
    print(f"{name:<24}{norm(to_q[name]):>9.3f}{norm(to_e[name]):>10.3f}")

codes = output.codes[0].numpy()
gap = (tf.gather(e, codes) - q[0]).numpy() / len(codes)  # (q' - q) / steps
assert np.allclose(output.quantized[0], tf.gather(e, codes))  # the value is q'
assert (to_q["reconstruction"].numpy() == pulled.numpy()).all()  # the gradient goes to q as it is
assert norm(to_e["reconstruction"]) == 0
assert norm(to_q["codebook"]) == 0 and norm(to_e["commitment"]) == 0
assert np.allclose(to_q["commitment"][0], -0.25 * 2 * gap, atol=1e-6)
of_codes = [2 * gap[codes == k].sum(axis=0) for k in range(5)]
assert np.allclose(tf.convert_to_tensor(to_e["codebook"]), of_codes, atol=1e-6)
assert 4 not in codes and (np.array(of_codes[4]) == 0).all()

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, sharey=True)
arrows = {"angles": "xy", "scale_units": "xy", "width": 0.005}
for axis, name in zip(axes, ("codebook", "commitment"), strict=True):
    axis.scatter(*q[0].numpy().T, c=codes, cmap="tab10", vmax=9, s=18)
    axis.scatter(*e.numpy().T, c=range(5), cmap="tab10", vmax=9, s=160, marker="*", edgecolor="k")
    axis.set_title(f"{name} term: who moves")
down = -tf.convert_to_tensor(to_e["codebook"]).numpy()
axes[0].quiver(*e.numpy().T, *down.T, scale=0.3, **arrows)
axes[1].quiver(*q[0].numpy().T, *-to_q["commitment"][0].numpy().T, scale=0.03, **arrows)
plt.show()

# %% [markdown]
# **Seen.** The codebook term moves the codebook (stars) to the queries (dots) and nothing else.
# The commitment term moves the queries to the codebook and nothing else. The reconstruction moves
# the queries, past the quantiser, and never the codebook. The star at the top right is nearest to
# nobody: no term moves it. That is a *dead code*.
#
# A trap, for those who write this themselves: in the two terms $q'$ has to be the vector that was
# looked up. With $q + [q' - q]$ in its place the loss has the same value, and nobody moves.

# %%
with tf.GradientTape(persistent=True) as tape:
    nearest = tf.gather(e, codes)[tf.newaxis]
    straight_through = q + tf.stop_gradient(nearest - q)
    wrong = tf.reduce_mean(tf.reduce_sum((straight_through - tf.stop_gradient(q)) ** 2, axis=-1))
assert np.allclose(wrong, terms["codebook"])  # the value is right
assert norm(tape.gradient(wrong, e)) == 0  # and the codebook learns nothing
print(f"value {float(wrong):.3f}, gradient of the codebook {norm(tape.gradient(wrong, e))}")

# %% [markdown]
# ## 8 AMAE: argmax instead of a codebook
#
# **Slides.** The argmax autoencoder (AMAE) normalises the queries "so that activations sum to 1",
# and takes the one-hot vector at the largest for $q'$, straight-through:
#
# $$L = -\log p(x \mid q') + \underbrace{\beta\,(q' - q)^2}_{\text{commitment}}
#     + \underbrace{\nu\,(E_t[q] - C^{-1})^2}_{\text{diversity}}$$
#
# It is a VQ-VAE with a fixed codebook of one-hot vectors.
#
# **Paper.** $r = \mathrm{ReLU}(a)$, $q = r / (\sum r + \epsilon)$, $\epsilon = 10^{-5}$; softmax
# is a variant. **Ours.** $E_t$ is the mean over batch and time, taken before the square.

# %%
C = 8
amae = ArgmaxQuantizer(num_codes=C, commitment_weight=0.1, diversity_weight=10.0)
amae.build((None, None, C))
rng = np.random.default_rng(0)
a = tf.Variable(rng.normal(1.0, 1.0, size=(2, 50, C)).astype(np.float32))
with tf.GradientTape() as tape:
    q = amae.normalize(a)
    output = amae(a)
    commitment = output.losses["commitment"]
gradient = tape.gradient(commitment, a)
q = q.numpy()
one_hot = amae.codes_to_quantized(output.codes).numpy()
assert np.allclose(q.sum(axis=-1), 1, atol=1e-3)
assert np.allclose(output.quantized, one_hot, atol=1e-6)

# The same from a vector quantiser whose codebook is the identity matrix.
fixed = VectorQuantizer(num_codes=C, code_dim=C, commitment_weight=0.1)
fixed.build((None, None, C))
fixed.codebook.assign(np.eye(C))
with tf.GradientTape() as tape:
    same = fixed(amae.normalize(a))
    same_commitment = same.losses["commitment"]
assert (same.codes.numpy() == output.codes.numpy()).all()
assert np.allclose(same_commitment, commitment)
assert np.allclose(tape.gradient(same_commitment, a), gradient, atol=1e-6)

# The trap again: here it takes the commitment's gradient away.
with tf.GradientTape() as tape:
    normalised = amae.normalize(a)
    straight_through = normalised + tf.stop_gradient(one_hot - normalised)
    difference = tf.reduce_sum((straight_through - normalised) ** 2, axis=-1)
    wrong = 0.1 * tf.reduce_mean(difference)
trapped = norm(tape.gradient(wrong, a))
assert np.allclose(wrong, commitment, atol=1e-5)
assert norm(gradient) > 0 and trapped == 0
print(f"commitment {float(commitment):.4f}: gradient {norm(gradient):.4f}, trapped {trapped:.4f}")

# ReLU leaves nothing of activations that are all negative: code 0, and no gradient.
dead = tf.Variable(-tf.abs(a))
with tf.GradientTape() as tape:
    lost = amae(dead)
    loss = tf.add_n(list(lost.losses.values())) + tf.reduce_sum(lost.quantized)
assert (lost.codes.numpy() == 0).all() and lost.metrics["zero_queries"] == 1
assert norm(tape.gradient(loss, dead)) == 0

# %% [markdown]
# **Seen.** The AMAE and the VQ-VAE with one-hot vectors have the same codes, the same commitment
# and the same gradient. With the straight-through value in the commitment term there is none. A
# query that ReLU makes zero cannot learn; the metric `zero_queries` counts them, and softmax is a
# way out.
#
# Now the diversity term, in three batches of 64 steps.

# %%
BATCHES = {
    "one code": np.zeros([1, 64], int),
    "two codes": np.arange(64)[np.newaxis] % 2,
    "all codes in turn": np.arange(64)[np.newaxis] % C,
}
figure, axes = plt.subplots(1, 3, sharey=True)
for axis, (name, codes) in zip(axes, BATCHES.items(), strict=True):
    activations = tf.one_hot(codes, C)
    q = amae.normalize(activations)
    mean = tf.reduce_mean(q, axis=[0, 1]).numpy()
    raw = float(amae(activations).losses["diversity"]) / 10.0
    used = len(np.unique(codes))
    # Every query is one-hot: of each alone, the distance to 1/C is 1 - 1/C, whatever the others do.
    alone = tf.reduce_mean(tf.reduce_sum((q - 1 / C) ** 2, axis=-1))
    assert np.allclose(alone, 1 - 1 / C, atol=1e-3)
    assert np.allclose(raw, 1 / used - 1 / C, atol=1e-3)
    axis.bar(range(C), mean)
    axis.axhline(1 / C, color="tab:red")
    axis.set(title=f"{name}: {raw:.3f}", xlabel="code")
axes[0].set_ylabel("E_t[q]")
plt.show()

# Over several devices the mean is that of the global batch. Two halves, given it, add up to the
# whole, in value and in gradient, though each sees half of the codes.
whole = tf.Variable(tf.nn.relu(a))
share = tf.fill([1, 50], 1 / 100)
with tf.GradientTape(persistent=True) as tape:
    q = amae.normalize(whole)
    together = amae(whole).losses["diversity"]
    mean = tf.reduce_mean(q, axis=[0, 1])
    halves = tf.add_n([amae(whole[i : i + 1], share, mean).losses["diversity"] for i in (0, 1)])
assert np.allclose(together, halves, rtol=1e-4)
assert np.allclose(tape.gradient(together, whole), tape.gradient(halves, whole), atol=1e-6)

# %% [markdown]
# **Seen.** The term is zero where codes are used equally (the red line), and largest where there
# is one. It asks nothing of a single query: all of these are one-hot. A mean of squares instead
# of the square of the mean would be the same 7/8 in all three batches.

# %% [markdown]
# ## 9 A first level, trained; what its codes are worth
#
# **Slides.** A hop-8 VQ-VAE, 2,000 codes a second, is the lowest level of three of the systems.
# Now it learns.
#
# **Ours.** All of this is tiny, and much too short to sound good: some 300,000 parameters and a
# few hundred steps on 5 minutes of music. `gin/tiny.gin` also switches measures on that are not
# in the paper: a start without quantisation, then a codebook made from data by k-means; restarts
# of dead codes; a share of the local model's inputs replaced at random. (Pretrained systems that
# were trained for longer are there to listen to: `python -m ada.sample
# --pretrained=piano_hop64`.)
#
# The functions below are what the commands `ada.train` and `ada.extract_codes` call.


# %%
def run_dir(name: str) -> str:
    """Where a model is trained."""
    return str(Path(work.name) / name)


def train(name: str, data_dir: str, steps: int) -> list[dict]:
    """Trains `gin/<name>.gin` at a tiny size; returns what was measured on the way."""
    bindings = [
        *(f"{macro}={steps}" for macro in ("NUM_STEPS", "LEVEL2_STEPS", "PRIOR_STEPS")),
        f"CODEBOOK_WARMUP_STEPS={steps // 2}",
        f"INPUT_REPLACEMENT_STEPS={steps}",
        "CROP_STEPS=1024",
        "PRIOR_CROP_STEPS=512",
        "LOG_EVERY=5",
        "Intervals.audio_secs=0",
        "train.jit_compile=False",  # compiling would take longer than so few steps
    ]
    settings = configuration.load([f"gin/{name}.gin", "gin/tiny.gin"], bindings)
    with capture_output():  # progress bars
        training.train(settings, run_dir(name), data_dir, describe=configuration.operative)
    lines = (Path(run_dir(name)) / "metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def rolled_cost(name: str) -> tuple[float, float]:
    """Bits a step of held-out music given its own codes, and given another clip's."""
    run = Run.open(run_dir(name))
    with capture_output():
        cost = rolled_codes_cost(
            run.load_model(), run.open_dataset(), run.info.to_ids(), counted_steps=1024
        )
    return cost["own_codes_bits"], cost["rolled_codes_bits"]


def bits(measured: dict) -> float:
    """Bits a step: those of an autoencoder are given its codes."""
    return measured.get("reconstruction_bits", measured.get("bits"))


def plot_curve(axis: plt.Axes, name: str, metrics: list[dict]) -> None:
    """Bits a step over training steps."""
    points = [(m["step"], bits(m)) for m in metrics if m["split"] == "train"]
    axis.plot(*zip(*points, strict=True))
    axis.set(title=f"{name}, bits", xlabel="training step")


with capture_output():
    bundled.prepare_bundled(run_dir("data"))
metrics = {"hop8_vqvae": train("hop8_vqvae", run_dir("data"), STEPS)}

# %%
own, rolled = rolled_cost("hop8_vqvae")

run = Run.open(run_dir("hop8_vqvae"))
first, to_ids = run.load_model(), run.info.to_ids()
held_out = to_ids(run.open_dataset().read("validation", 0, 4 * SAMPLE_RATE, 2 * SAMPLE_RATE))
codes = first.encode(held_out[np.newaxis]).numpy()
assert codes.shape == (1, 2 * 2000)

figure, axes = plt.subplots(1, 3, width_ratios=(2, 3, 1))
plot_curve(axes[0], "given codes", metrics["hop8_vqvae"])
axes[1].plot(np.arange(4000) / 2000, codes[0], ",")
axes[1].set(title="codes of 2 held-out seconds", xlabel="seconds", ylabel="code")
axes[2].bar(["own", "another\nclip's"], [own, rolled], width=0.5)
axes[2].set_title("bits a sample")
plt.show()

decoder = Chain.open([run_dir("hop8_vqvae")])
blocks = stream(decoder, codes=codes, config=SamplingConfig(seed=0, temperature=0.8))
player("held-out", mu_law_decode(held_out.numpy()))
player("decoded from its codes", np.concatenate([block.audio[0] for block in blocks]))
print(f"own codes {own:.2f} bits a sample, another clip's {rolled:.2f}")
assert rolled - own > ALIVE_ABOVE_BITS

# %% [markdown]
# **Seen.** Decoding with another clip's codes ("rolled" codes) costs bits: these codes are
# *alive*. That is the check of this project. A codebook in full use proves nothing, since a
# decoder with enough memory of its own may ignore it; ignored codes cost nothing to exchange.

# %% [markdown]
# ## 10 Stacking; what a sample costs in all
#
# **Slides.** The codes of an autoencoder are a discrete sequence again. A second autoencoder is
# trained on them, then a WaveNet, the prior, on the top codes. "Code sequences are harder to
# model than audio; training second level ADAs is much harder." Two measures: population-based
# training of a second VQ-VAE (section 11), or an AMAE, "less unstable".
#
# **Ours.** Every level is a model over integers `[batch, time]`, of the same classes, trained by
# the same function. This is `gin/systems/vqvae_amae.gin`, from the bottom up.

# %%
with capture_output():
    extract_codes(run_dir("hop8_vqvae"), run_dir("codes1"))
metrics["level2_amae"] = train("level2_amae", run_dir("codes1"), 2 * STEPS)
with capture_output():
    extract_codes(run_dir("level2_amae"), run_dir("codes2"))
metrics["prior_level2_amae"] = train("prior_level2_amae", run_dir("codes2"), STEPS)

chain = Chain.open([run_dir(name) for name in reversed(metrics)])
prior, second, first = (chain.load_model(level) for level in range(3))
assert type(second) is type(first) and type(prior) is type(first.local_model)
assert [run.info.hop_length for run in chain.runs] == [64, 8, 1]

figure, axes = plt.subplots(1, 3)
for axis, (name, measured) in zip(axes, metrics.items(), strict=True):
    plot_curve(axis, name, measured)
plt.show()
own, rolled = rolled_cost("level2_amae")
print(f"second level, bits a code of the first: own codes {own:.2f}, another clip's {rolled:.2f}")
assert QUICK or rolled - own > ALIVE_ABOVE_BITS

# %% [markdown]
# **Ours, and it matters.** $-\log_2 p(x \mid c_1)$, given the codes $c_1$, are *reconstruction*
# bits. The encoder saw the whole of $x$, so they say nothing of $p(x)$, and cannot be compared
# with a WaveNet. What can is the *total*, an upper bound on $-\log_2 p(x)$: every level's bits,
# by its hops, down from the prior.
#
# $$\mathrm{NLL}(x \mid c_1) + \frac{\mathrm{NLL}(c_1 \mid c_2)}{8}
#     + \frac{\mathrm{NLL}(c_2)}{8 \cdot 8}$$

# %%
total = 0.0
print(f"{'validation split':<20}{'bits a step':>12}{'a sample':>10}")
for run, (name, measured) in zip(reversed(chain.runs), metrics.items(), strict=True):
    scores = next(m for m in reversed(measured) if m["split"] == "validation")
    a_step = bits(scores)
    total += a_step / run.info.hop_length
    print(f"{name:<20}{a_step:>12.3f}{a_step / run.info.hop_length:>10.3f}")
    if name == "hop8_vqvae":
        reconstruction = a_step
    if name != "prior_level2_amae":
        used, spread = scores["codebook/used_codes"], scores["codebook/perplexity"]
        print(f"  its codes: {used:.0f} of 256 used, perplexity {spread:.0f}")
print(f"{'total':<20}{'':>12}{total:>10.3f}")
assert reconstruction < total < 8

# %% [markdown]
# **Seen.** The codes of both autoencoders are alive; the second one had twice the steps. The
# total is well above the reconstruction: codes are not for free.
#
# **Slides.** Generation runs top down: the prior draws codes, the AMAE's decoder draws the codes
# below given them, the VQ-VAE's decoder draws audio. **Ours.** All levels advance together, and
# audio comes out block by block.

# %%
levels = load_levels(chain)
drawn: list[list[np.ndarray]] = [[], [], []]
clip = []
for block in stream(chain, duration_secs=2.0, config=SamplingConfig(seed=1), levels=levels):
    clip.append(block.audio[0])
    for kept, parts in zip(drawn, block.levels, strict=True):
        kept += [part.ids[0] for part in parts]
clip = np.concatenate(clip)
top, middle, bottom = map(np.concatenate, drawn)
assert len(clip) == len(bottom) == 2 * SAMPLE_RATE
assert (clip == mu_law_decode(bottom)).all()
# As many codes as the modulator below looks at: a few more than the hop says.
assert 0 <= len(middle) - 2 * 2000 < 64 and 0 <= len(top) - 2 * 250 < 64

# A short clip is the beginning of the long one with its seed.
short = stream(chain, duration_secs=0.25, config=SamplingConfig(seed=1), levels=levels)
start = np.concatenate([block.audio[0] for block in short])
assert (start == clip[: len(start)]).all()

figure, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True)
for axis, ids, rate in zip(axes, (top, middle), (250, 2000), strict=False):
    axis.plot(np.arange(len(ids)) / rate, ids, "." if rate == 250 else ",", markersize=2)
    axis.set_ylabel(f"{rate} codes/s")
axes[2].imshow(spectrogram_db(clip), aspect="auto", origin="lower", extent=(0, 2, 0, 8))
axes[2].set(ylabel="kHz", xlabel="seconds", xlim=(0, 2))
axes[2].grid(False)
plt.show()
player("drawn from nothing, top down", clip)

# %% [markdown]
# **Seen.** Three models, one mechanism, and some 500 draws of the prior steer 32,000 samples. The
# spectrogram has no notes yet: see how few steps there were.

# %% [markdown]
# ## 11 Population-based training
#
# **Slides.** One of the two measures for second-level VQ-VAEs is population-based training.
#
# **Paper** (Jaderberg et al. 2017). Several members train at once. Now and then the worst copy
# the weights of the best (*exploit*), and perturb or redraw their hyperparameters (*explore*).
# What is found is a schedule, not one set of constants. A toy shows it: to be maximised is
# $Q = 1.2 - \theta_0^2 - \theta_1^2$, but a member sees only
# $1.2 - h_0 \theta_0^2 - h_1 \theta_1^2$. Of two members, one begins with $h = (1, 0)$, the
# other with $(0, 1)$: alone, neither can get to the top.
#
# **Ours.** `ada.population` trains anything with a score, on Ray (`pip install -e '.[pbt]'`). For
# second levels, `python -m ada.pbt --gin_file=gin/level2_vqvae.gin` searches beta, the learning
# rate and that of the codebook; what it searches the slides do not say.

# %%
if importlib.util.find_spec("ray"):
    with capture_output():  # Ray asks for widgets
        from ada.population import History
        from ada.population.cluster import Cluster
        from ada.population.engine import evolve
        from ada.population.plan import Plan, Progress

    def advance(number: int, h: dict[str, float], state: list | None) -> Progress:
        """Ten steps of gradient ascent on what a member sees."""
        done, *theta = state or [0, 0.9, 0.9]
        for _ in range(10):
            theta = [t - 0.02 * h[f"h{i}"] * t for i, t in enumerate(theta)]
        score = theta[0] ** 2 + theta[1] ** 2 - 1.2  # -Q, which is minimised
        return Progress(done + 10, score, [done + 10, *theta], healthy=True, report={})

    begin = [{"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 1.0}]
    found = {}
    with Cluster(), capture_output():
        for name, quantile in (("each alone", 0.0), ("the worse copies", 0.5)):
            plan = Plan(
                hyperparameters={"h0": (0.1, 1.0), "h1": (0.1, 1.0)},
                population=2,
                num_steps=200,
                interval_steps=10,
                quantile=quantile,
                seed=1,
                concurrent=2,
            )
            found[name] = evolve(plan, advance, History(), tempfile.mkdtemp(), begin)

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True, sharey=True)
    grid = np.linspace(0, 1, 50)
    for axis, (name, history) in zip(axes, found.items(), strict=True):
        best = -history.best()[1].score
        axis.contour(grid, grid, 1.2 - grid**2 - grid[:, np.newaxis] ** 2, 8, alpha=0.3)
        for member, colour in enumerate(("tab:blue", "tab:orange")):
            path = [comparison.of(member) for comparison in history.comparisons]
            theta = np.array([[0.9, 0.9], *(standing.state[1:] for standing in path)])
            axis.plot(*theta.T, ".-", color=colour, label=f"member {member}")
            copied = [k for k, standing in enumerate(path, 1) if standing.copied_from is not None]
            axis.plot(*theta[copied].T, "o", color=colour, fillstyle="none")
        axis.set(title=f"{name}: Q = {best:.2f} of 1.2", xlabel="theta 0", ylabel="theta 1")
        axis.legend()
    plt.show()
    alone, together = (-history.best()[1].score for history in found.values())
    assert alone < 0.4 < 1.0 < together
    copies = [s.copied_from for c in found["the worse copies"].comparisons for s in c.members]
    assert any(donor is not None for donor in copies)
else:
    print("Ray is not installed: pip install -e '.[pbt]'")

# %% [markdown]
# **Seen.** Alone, each member follows its own coordinate and stops. Where the worse copies
# (circles) and perturbs, both coordinates are learnt, and the population gets to where no member
# could.

# %% [markdown]
# ## 12 What listeners said
#
# **Slides.** People rated clips of the seven systems from 1 to 5. These are the paper's models,
# not those of this notebook, and the intervals are as on the slide, which does not say of what
# kind.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharex=True, sharey=True)
for axis, column, title in zip(axes, (1, 2), ("fidelity", "musicality"), strict=True):
    for number, (name, row) in enumerate(SLIDES.items()):
        # Systems of the same field side by side.
        field = row[0] / 1000 * 1.12 ** (number % 3 - 1)
        axis.errorbar(field, *row[column], fmt="o", capsize=3, label=name)
    axis.set(title=title, xscale="log", xlabel="receptive field, seconds", ylim=(1, 5))
axes[1].legend(fontsize=7, loc="lower right")
plt.show()

musicality = {name: row[2][0] for name, row in SLIDES.items()}
ranked = sorted(musicality, key=musicality.get)
assert ranked[0] == "thin_wavenet"
assert ranked[-2:] == ["vqvae_amae", "vqvae_pbt_vqvae"]

# %% [markdown]
# **Seen.** A long receptive field alone does not help: the thin WaveNet sees 3 seconds and is
# rated worst. With codes it does, most of all with two levels of them.
#
# Where to go from here: `make demo` trains a system and leaves a page to listen to;
# `tools/README.md` has measurements, the README what is the paper's and what is ours.
