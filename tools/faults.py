"""The faults that `tools.mutations` puts into the code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault to be found.

    Attributes:
      name: what is wrong.
      file: that it is in.
      old: text that stands once in it.
      new: what replaces it.
      tests: files or folders that are to find it, separated by spaces.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault(
        "commitment loss moves the codebook",
        "ada/quantizers/loss.py",
        "beta * mean_square(tf.stop_gradient(e) - q, weights)",
        "beta * mean_square(e - tf.stop_gradient(q), weights)",
        "tests/quantizers",
    ),
    Fault(
        "straight-through gradient is lost",
        "ada/quantizers/argmax.py",
        "q + tf.stop_gradient(e - q)",
        "tf.stop_gradient(e)",
        "tests/quantizers",
    ),
    Fault(
        "dilations begin at 2",
        "ada/models/wavenet.py",
        "dilation_rate=2 ** (k % layers_per_stack)",
        "dilation_rate=2 ** (k % layers_per_stack + 1)",
        "tests/models/test_wavenet.py",
    ),
    Fault(
        "+1.0 falls outside the classes",
        "ada/audio/companding.py",
        "xp.clip(cell, 0.0, num_classes - 1.0)",
        "xp.clip(cell, 0.0, num_classes * 1.0)",
        "tests/audio",
    ),
    Fault(
        "top-k keeps one class too many",
        "ada/generation/choice.py",
        "min(top_k or num_classes, num_classes)",
        "min(top_k + 1 or num_classes, num_classes)",
        "tests/generation/test_choice.py",
    ),
    Fault(
        "conditioning is one code late",
        "ada/generation/conditioning.py",
        "slice((first - begin) * self.rate, (last - begin) * self.rate)",
        "slice((first - begin + 1) * self.rate, (last - begin + 1) * self.rate)",
        "tests/generation/test_conditioning.py",
    ),
    Fault(
        "a resumed run skips a batch",
        "ada/training/loop.py",
        "first_step=step,",
        "first_step=step + 1 if step else 0,",
        "tests/training/test_resume.py",
    ),
    Fault(
        "gradients of replicas are summed twice",
        "ada/training/trainer.py",
        "gradient / replicas for gradient",
        "gradient * 1.0 for gradient",
        "tests/training/test_replicas.py",
    ),
    Fault(
        "the average of weights lags",
        "ada/models/polyak.py",
        "average + (1.0 - decay) * (source.value - average)",
        "average + (1.0 - decay) * 0.5 * (source.value - average)",
        "tests/models/test_polyak.py",
    ),
    Fault(
        "a step is not scored",
        "ada/data/pipeline.py",
        '(place >= row["count_from"])',
        '(place > row["count_from"])',
        "tests/data/test_windows.py tests/data/test_pipeline.py",
    ),
    Fault(
        "codes at an offset are those of another",
        "ada/extraction/job.py",
        "self.shift + start, length)",
        "start, length)",
        "tests/extraction/test_offsets.py",
    ),
    Fault(
        "a level takes another one's random numbers",
        "ada/generation/level.py",
        "self.index, block",
        "self.index + 1, block",
        "tests/generation/test_level.py",
    ),
    Fault(
        "the best members copy the worst",
        "ada/population/history.py",
        "key=lambda s: (-s.score, s.member)",
        "key=lambda s: (s.score, s.member)",
        "tests/population/test_history.py",
    ),
    Fault(
        "filters a semitone too high",
        "ada/extensions/filterbank.py",
        "self.lowest_hz * 2.0**steps",
        "self.lowest_hz * 2.0 ** (steps + 1 / 12)",
        "tests/extensions",
    ),
    Fault(
        "residual codes are looked up in the wrong order",
        "ada/extensions/grouped_vector.py",
        "residual -= tf.stop_gradient(tf.gather(codebook, code))",
        "residual += tf.stop_gradient(tf.gather(codebook, code))",
        "tests/extensions",
    ),
)
