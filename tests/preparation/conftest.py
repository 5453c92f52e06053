"""Real files and real datasets, small enough to make in every test."""

from dataset_support import codes, files_of, four_files, make_dataset, write_audio  # noqa: F401 - fixtures
