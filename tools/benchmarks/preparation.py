"""Data preparation on Apache Beam: how many times real time, and how busy the processors are."""

import os
import resource
import tempfile
import time
from typing import Any

from ada.preparation.beam import pipeline_options, run_on_beam
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.utils import resources


def run(flags: Any) -> list[dict[str, Any]]:
    """Everything from files to shards; "busy" is processor time over wall time and processors."""
    inputs = tuple(flags.input_audio_filepatterns) or (str(resources.sample_audio_dir()),)
    options = pipeline_options()
    results = []
    for _ in range(flags.runs):
        with tempfile.TemporaryDirectory() as directory:
            wall, cpu = time.perf_counter(), _cpu_secs()
            spec = prepare(
                directory,
                AudioOptions(inputs=inputs),
                run_jobs=lambda jobs: run_on_beam(jobs, options),
            )
            wall, cpu = time.perf_counter() - wall, _cpu_secs() - cpu
        secs = spec.preparation["decoded_secs"]
        results.append(
            {
                "files": sum(split.num_sources for split in spec.splits.values()),
                "audio_secs": round(secs),
                "wall_secs": round(wall, 2),
                "real_time_factor": round(secs / wall),
                "processors": os.cpu_count(),
                "busy": round(cpu / wall / (os.cpu_count() or 1), 2),
            }
        )
    return results


def _cpu_secs() -> float:
    """Processor time of this process and of children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
