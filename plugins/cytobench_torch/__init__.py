"""Training and prediction shared by the classifiers that run on torch. Only plugins import it."""
