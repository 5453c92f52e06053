"""The output of a training for TensorBoard: scalars, pictures, audio, hyperparameters, profiles."""
