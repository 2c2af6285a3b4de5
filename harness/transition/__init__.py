"""The way from the deployed version to the new one: both, and the two mixtures of them between two calls."""
