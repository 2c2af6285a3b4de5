"""Plays Lambda's ``/var/runtime/bootstrap.py``: builds ``sys.path`` as Lambda does and starts AWS's runtime client.

The optional argument is the folder that plays ``/opt`` where the real path cannot be had.
"""

from __future__ import annotations

import os
import site
import sys


def main() -> None:
    """Start the runtime client on the handler that ``_HANDLER`` names."""
    opt = sys.argv[1] if len(sys.argv) > 1 else "/opt"
    sys.argv = sys.argv[:1]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = f"{sys.prefix}/lib/{version}/site-packages"
    if packages not in sys.path:
        sys.path.append(packages)  # where a distribution's own CPython, Debian's say, looks elsewhere
    # Before any path of the user's: what the client imports, the user's archives cannot replace.
    import awslambdaric.__main__ as client  # noqa: PLC0415

    task = os.environ["LAMBDA_TASK_ROOT"]
    layers = [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"]
    own_path = "PYTHONPATH" not in os.environ
    if own_path:
        sys.path[:0] = [*layers, *([packages] if sys.version_info >= (3, 11) else [])]
    sys.path.insert(0, task)
    for folder in [task, *(layers if own_path else [])]:
        site.addsitedir(folder)
    if own_path:
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    client.main([task, os.environ["_HANDLER"]])


main()
