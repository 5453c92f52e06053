"""What every other package may use: errors, messages, files, progress bars, lazy imports."""
