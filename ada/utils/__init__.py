"""Used by all other packages: errors, messages, files, progress bars, lazy imports."""
