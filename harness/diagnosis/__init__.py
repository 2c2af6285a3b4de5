"""From a symptom to its cause and its remedy."""
