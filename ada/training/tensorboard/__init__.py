"""What TensorBoard shows of a training: scalars, pictures, audio, hyperparameters, profiles."""
