"""The processes of one training: the first one writes, and decisions are the same in all."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from ada.utils.errors import StoppedError, UserError
from ada.utils.replicas import run_on_replicas

# Exceptions of operations when another process is gone, and patterns of their messages, the
# clearest first.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
_OTHER = (
    r"Collective ops is aborted by: .*",
    r"/job:worker/task:\d+.*",
    r"/job:worker/replica:\d+/task:\d+.*",
    r"[Cc]ollective.*",
)


class Workers:
    """The processes of a strategy; one, unless it is a multi-worker strategy.

    All processes must call every method except `watched`, in the same order.

    Args:
      strategy: of `ada.training.distributed.strategies`.

    Attributes:
      strategy: the same.
      count: number of processes.
      number: of this one.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        resolver = strategy.cluster_resolver
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.count = resolver.cluster_spec().num_tasks("worker") if several else 1
        self.number = resolver.task_id if several else 0
        self._sum = tf.function(self._replica_sum, autograph=False)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files."""
        return self.number == 0

    def gather(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Values `[n]` of every process, float64 `[count, n]`."""
        values = np.asarray(values, np.float64)
        if self.count == 1:
            return values[np.newaxis]
        rows = np.zeros([self.count, len(values)])
        rows[self.number] = values
        return self._sum(tf.constant(rows)).numpy()

    def _replica_sum(self, values: tf.Tensor) -> tf.Tensor:
        local = self.strategy.num_replicas_in_sync // self.count

        def total(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            # One replica sends the values of its process.
            speaks = tf.equal(context.replica_id_in_sync_group % local, 0)
            values = tf.where(speaks, values, tf.zeros_like(values))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        return run_on_replicas(self.strategy, total, values)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.gather([float(flag)]).any())

    def follow_chief(self, variables: Sequence[tf.Variable]) -> None:
        """Sets variables to their values in the first process."""
        if self.count == 1:
            return
        for variable in variables:
            # float64 holds all values of variables exactly, and all devices can send it.
            value = tf.cast(tf.convert_to_tensor(variable), tf.float64)
            total = self._sum(value if self.is_chief else tf.zeros_like(value))
            variable.assign(tf.cast(total, variable.dtype))

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """Within the context each process works for itself; if one fails, all fail.

        Without it the others would wait for the one that failed, and report it as lost.

        Raises:
          UserError: in the other processes, if one has failed.
        """
        try:
            yield
        except Exception:
            with contextlib.suppress(tf.errors.OpError):
                self.gather([1.0])
            raise
        numbers = [str(number) for number in np.flatnonzero(self.gather([0.0]))]
        if numbers:
            raise UserError(f"worker {', '.join(numbers)} failed: its own message says why.")

    def check_same(self, what: Mapping[str, str]) -> None:
        """Raises UserError, in all processes, if a text is not the same in all of them.

        Args:
          what: texts by name, for the message.
        """
        digests = [
            int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
            for text in what.values()
        ]
        rows = self.gather(digests)
        differing = [
            name for name, column in zip(what, rows.T, strict=True) if len(set(column)) > 1
        ]
        if differing:
            raise UserError(
                f"the workers differ in {' and '.join(differing)}: all need the same command, and "
                "a --run_dir and --data_dir that all of them see."
            )

    @contextlib.contextmanager
    def watched(self, run_dir: str) -> Iterator[None]:
        """Within the context, a process that is lost ends the training in one line.

        Raises:
          StoppedError: if another process is gone.
        """
        try:
            yield
        except LOST as error:
            message = next(filter(None, (re.search(p, str(error)) for p in _OTHER)), None)
            if self.count == 1 or message is None:
                raise
            raise StoppedError(
                f"worker {self.number} lost another worker ({message[0][:200]}). The same command "
                f"on all workers resumes from the last checkpoint of {run_dir}."
            ) from error
