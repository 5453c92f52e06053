"""Tests of decoding with tensorflow-io, which needs TensorFlow 2.17 and an environment of its own.

Where tensorflow-io is not installed they are not collected at all: a test that is skipped looks too
much like one that has passed.
"""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("tensorflow_io") else ["test_*.py"]
