"""From what is live to what will be: both, and the two ways in which they are mixed between two calls."""
