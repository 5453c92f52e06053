"""Ray on this machine, quiet. This module needs Ray: see `engine`."""

import contextlib
import logging
import os
from collections.abc import Iterator

# Read by Ray as it is imported or started.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths of gin files stay what they were
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # texts on how workers died; we say that they did
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the search as it ends any command
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
os.environ |= _ENVIRONMENT

import ray  # noqa: E402

from ada.utils.errors import UserError, first_line  # noqa: E402

# Ray gives itself 30 s to start, which a busy machine may exceed.
START_ATTEMPTS = 4


@contextlib.contextmanager
def local_ray(concurrent: int) -> Iterator[None]:
    """Ray on this machine, quiet, for a number of members at a time; within another, that one."""
    if ray.is_initialized():
        yield
        return
    os.environ |= _ENVIRONMENT  # a command that was run in this process before took them away
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            ray.init(
                num_cpus=concurrent,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
            break
        except Exception as error:  # Ray has no kind of its own for it
            ray.shutdown()
            if attempt == START_ATTEMPTS:
                raise UserError(f"Ray does not start: {first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()
