//! Gaussian mixture models by parallel expectation maximisation: fitting, model choice, sampling.
