"""No false alarm: the distributions that people deploy, verified, beside what the runtime really does with them.

Each of ``distributions.toml`` becomes a layer and a function that imports it. An error that the harness reports is
right only where the function does not start, where a library of the layer does not load, or where ``explained.toml``
says what neither can show. ``results.json`` is what came of it.
"""
