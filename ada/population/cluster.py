"""Ray, quiet: a cluster at an address, or an own one on this machine. This module needs Ray."""

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Read by Ray as it is imported or started.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in what gin files import stay what they were
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # texts on how workers died; we say that they did
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # see `engine`
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
os.environ |= _ENVIRONMENT

import ray  # noqa: E402
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

from ada.utils import log  # noqa: E402
from ada.utils.errors import Terminated, UserError, first_line  # noqa: E402

# An own Ray gives itself 30 s to start, which a busy machine may exceed.
START_ATTEMPTS = 4
CONNECT_SECS = 10.0
# Sent to the nodes of a cluster, in addition to the packages that they have installed.
_PACKAGE = Path(__file__).resolve().parents[1]
_NOT_SENT = ["pretrained", "resources", "__pycache__"]
# Packages that the nodes must have installed.
_NEEDED = ("tensorflow", "tensorflow_probability", "keras", "gin")


@dataclass(frozen=True)
class Share:
    """The resources of members in a cluster.

    Attributes:
      concurrent: members that run at a time.
      cpus: of each of these.
      gpus: of each of these, 0 or 1.
    """

    concurrent: int
    cpus: int
    gpus: int


def share(nodes: Sequence[tuple[int, int]], population: int) -> Share:
    """Divides nodes among members: one GPU each if there are any, and as many CPUs as all can have.

    Args:
      nodes: (CPUs, GPUs) of each.
      population: number of members.

    Raises:
      UserError: if no node has a CPU.
    """
    gpus = int(any(gpus for _, gpus in nodes))

    def places(cpus: int) -> int:
        return sum(min(n // cpus, g) if gpus else n // cpus for n, g in nodes)

    concurrent = min(population, places(1))
    if not concurrent:
        raise UserError(f"no node of the Ray cluster has a CPU{' and a GPU' * gpus} to train on.")
    most = max(cpus for cpus, _ in nodes)
    return Share(concurrent, max(n for n in range(1, most + 1) if places(n) >= concurrent), gpus)


class Cluster:
    """Ray within a `with`; within another one, or where Ray was started before, that one.

    Args:
      address: of a cluster, such as 10.0.0.1:6379, or "auto" for the one that was started last on
        this machine; "local" or None starts an own Ray on this machine, whatever else runs there.

    Raises:
      UserError: on entering, if Ray does not start, or there is none at the address.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = None if address == "local" else address
        self._is_ours = False

    def __enter__(self) -> "Cluster":
        if not ray.is_initialized():
            self._start()
            self._is_ours = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_ours:
            ray.shutdown()
            self._is_ours = False

    def restart(self) -> None:
        """Stops and starts an own Ray, or connects again."""
        if self._is_ours:
            ray.shutdown()
            self._start()

    @property
    def is_remote(self) -> bool:
        """Whether there may be nodes beside this machine."""
        return self._address is not None

    def share(self, population: int) -> Share:
        """The resources of each member of a population."""
        return share([(cpus, gpus) for _, _, cpus, gpus in _nodes()], population)

    def check_nodes(self, run_dir: str, data_dir: str) -> None:
        """Raises UserError unless all nodes with CPUs have both directories and what ada needs."""
        if not self.is_remote:
            return
        probe = Path(run_dir) / f".seen_by_all_{uuid.uuid4().hex[:8]}"
        probe.touch()
        try:
            _check_nodes(str(probe), str(Path(data_dir) / "dataset.json"))
        finally:
            probe.unlink(missing_ok=True)

    def _start(self) -> None:
        os.environ |= _ENVIRONMENT  # a command that was run in this process before took them away
        for name in ("ray", "ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with _own_signals():
            if self._address is None:
                _start_own()
            else:
                _connect(self._address)


def _start_own() -> None:
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            ray.init(address="local", include_dashboard=False, **_QUIET)
            return
        except Exception as error:  # Ray has no kind of its own for it
            ray.shutdown()
            if attempt == START_ATTEMPTS:
                raise UserError(f"Ray does not start: {first_line(error)}") from error


def _connect(address: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.startswith("ADA_")}
    code = {"py_modules": [str(_PACKAGE)], "excludes": _NOT_SENT, "env_vars": environment}
    _require_answer(address)
    try:
        ray.init(address=address, runtime_env=code, **_QUIET)
    except Exception as error:
        ray.shutdown()
        raise UserError(f"no Ray cluster at {address}: {_why_not(error)}") from error
    log.info(f"Connected to the Ray cluster at {address}: {len(_nodes())} nodes with CPUs.")


_QUIET = {"log_to_driver": False, "logging_level": logging.CRITICAL}


def _require_answer(address: str) -> None:
    """Raises UserError where nobody listens; Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host:  # "auto"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECS).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"no Ray cluster at {address}: {first_line(error)}. Start one there with `ray start "
            "--head`, or name another --ray_address."
        ) from error


def _why_not(error: BaseException) -> str:
    """Why a cluster was not reached, and the way out."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ray.exceptions.AuthenticationError):
            return (
                "it wants its token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what `ray "
                "get-auth-token` prints on its head, unless ~/.ray/auth_token holds that."
            )
        cause = cause.__cause__ or cause.__context__
    return (
        f"{first_line(error)}. `ray start` must have been run on this machine, too; `ray status` "
        "shows the nodes."
    )


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Restores the handler of SIGTERM, which Ray replaces by one that exits or prints a stack."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as ended:  # Ray's handler, while it starts
        raise Terminated from ended
    finally:
        if before is not None:
            with contextlib.suppress(ValueError):  # in another thread than the main one
                signal.signal(signal.SIGTERM, before)


def _nodes() -> list[tuple[str, str, int, int]]:
    """Id, address, CPUs and GPUs of the nodes that have CPUs."""
    found = [
        (
            node["NodeID"],
            node["NodeManagerAddress"],
            int(node["Resources"].get("CPU", 0)),
            int(node["Resources"].get("GPU", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return [node for node in found if node[2]]


def _on_all_nodes(function: Callable, *args: str) -> dict[str, str]:
    """The result of a function on every node with CPUs, by the node's address."""
    remote = ray.remote(num_cpus=0, max_retries=0)(function)
    results = {
        address: remote.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(*args)
        for node, address, _, _ in _nodes()
    }
    return dict(zip(results, ray.get(list(results.values())), strict=True))


def _missing(probe: str, data: str) -> str:
    """What a node lacks: "ada", "run_dir", "data_dir", or nothing."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        return "ada"
    if not (Path(probe).exists() and os.access(Path(probe).parent, os.W_OK)):
        return "run_dir"
    return "" if os.access(data, os.R_OK) else "data_dir"


def _check_nodes(probe: str, data: str) -> None:
    try:
        missing = _on_all_nodes(_missing, probe, data)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"the nodes of the Ray cluster cannot run ada: {reason}") from error
    fixes = {
        "ada": "what ada needs is not installed there: pip install ada.",
        "run_dir": (
            f"--run_dir {Path(probe).parent} is not theirs: members copy each other's checkpoints "
            "there, so name a directory that all nodes share and may write."
        ),
        "data_dir": (
            f"--data_dir {Path(data).parent} is not there: members read it in place, so name a "
            "directory that all nodes share."
        ),
    }
    for name, fix in fixes.items():
        nodes = [address for address, found in missing.items() if found == name]
        if nodes:
            raise UserError(f"on {', '.join(nodes)} {fix}")
