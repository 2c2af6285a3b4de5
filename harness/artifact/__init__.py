"""Archives read strictly, unpacked once, and merged as Lambda merges them."""
