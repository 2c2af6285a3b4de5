"""The imports of every module of the crater's layers, read the fast way and by parsing everything: they must agree.

``python -m benchmarks.crater.imports`` compares all modules of the layers that are built; ``--every 10`` a tenth.
"""

from __future__ import annotations

import argparse
import os
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from harness.facts.python.import_outline import outline
from harness.facts.python.imports import imports
from harness.facts.python.parser import parse

PYTHON = (3, 12)
LAYERS = Path(__file__).parents[2] / "build" / "crater"


class Compared(NamedTuple):
    """The result of one layer.

    Attributes:
        modules: How many were compared.
        whole: How many of them only parsing everything reads.
        different: Those on which the two ways disagree.
    """

    modules: int
    whole: int
    different: tuple[str, ...]


def compare(layer: Path, every: int) -> Compared:
    """Compare the modules of one layer."""
    compared = whole = 0
    different = []
    with zipfile.ZipFile(layer) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")][::every]
        for name in names:
            source = archive.read(name)
            tree = parse(source)
            if tree is None or b"import" not in source:
                continue
            compared += 1
            short = outline(source)
            whole += short is None
            if short and imports(short, PYTHON, own=False) != imports(tree, PYTHON, own=False):
                different.append(f"{layer.parent.name}: {name}")
    return Compared(compared, whole, tuple(different))


def main() -> int:
    """Compare all layers; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth module")
    options = parser.parse_args()
    layers = sorted(LAYERS.glob("*/*.zip"))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(compare, layers, [options.every] * len(layers)))
    different = [name for one in found for name in one.different]
    sys.stdout.writelines(f"differs  {name}\n" for name in different)
    modules, whole = sum(one.modules for one in found), sum(one.whole for one in found)
    sys.stdout.write(
        f"{modules:,} modules of {len(layers)} layers: {len(different)} differ, {whole:,} are only read whole\n"
    )
    return 1 if different or not modules else 0


if __name__ == "__main__":
    sys.exit(main())
