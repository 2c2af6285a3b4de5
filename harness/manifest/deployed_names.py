"""The names of functions and layers in the account that they are deployed to."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from harness.manifest.values import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.manifest.values import Function, Source

FUNCTION: Final = "{function}"
"""Stands for the function's name in the manifest."""
FUNCTION_PATTERN: Final = (
    r"\A(?:arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:function:)?(?:[A-Za-z0-9_-]|\{function\}){1,64}"
    r"(?::(?!\d+\Z)[A-Za-z0-9_-]+)?\Z"
)
FUNCTION_WORDS: Final = (
    "a function's name or ARN, with :ALIAS where its callers use one, and {function} for its name in this file"
)
LAYER_PATTERN: Final = r"\A(?:arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:layer:)?[A-Za-z0-9_-]{1,140}\Z"
LAYER_WORDS: Final = "the name or ARN of a layer, without a version"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def filled(pattern: str, name: str) -> str | None:
    """A function's name in the account; None where its name in the manifest is not one that Lambda takes."""
    if FUNCTION not in pattern:
        return pattern
    return pattern.replace(FUNCTION, name) if _PLAIN.fullmatch(name) else None


def alias_of(called: str | None) -> str | None:
    """The alias in a function's name in the account; None where it has none."""
    if called is None:
        return None
    own = called.split(":", 7)[7:] if called.startswith("arn:") else called.split(":", 1)[1:]
    return own[0] if own else None


def unnamed(name: str) -> str:
    """The sentence about a function whose name in the manifest cannot be its name in the account."""
    return (
        f'"{name}" is no name that Lambda takes: say in `deployed-as` what the function is called, or with --function'
    )


def twice(functions: Sequence[Function]) -> Iterator[str]:
    """A sentence on each two functions with one name in the account."""
    seen: dict[str, str] = {}
    for function in functions:
        if function.deployed_as is None:
            continue
        if (other := seen.setdefault(function.deployed_as, function.name)) != function.name:
            yield (
                f"{other} and {function.name} are both {function.deployed_as}: put {FUNCTION} into the common "
                "`deployed-as`, or give each its own"
            )


def misnamed(layers: Sequence[Source], names: Sequence[str]) -> str | None:
    """The fault of the names of layers, as a clause; None for good ones."""
    if len(names) != len(layers):
        return f"names {len(names)}, and there are {len(layers)} layers: give one for each, in their order"
    for layer, name in zip(layers, names, strict=True):
        if (
            layer.text.startswith("arn:")
            and layer.text.rpartition(":")[0].rpartition(":")[2] != name.rpartition(":")[2]
        ):
            return f"{layer.text} is called {name} here: name it as its ARN does"
    return None


def chosen(texts: Sequence[str], functions: Sequence[Function]) -> dict[str, str]:
    """The values of ``--function NAME=DEPLOYED``, by the name in the manifest.

    Raises:
        ManifestError: One has another form, or names a function that is not in the manifest.
    """
    known = [function.name for function in functions]
    names, problems = dict[str, str](), list[str]()
    for text in texts:
        name, _, deployed = text.partition("=")
        if not re.search(FUNCTION_PATTERN, deployed):
            problems.append(f'--function: expected NAME={FUNCTION_WORDS}, found "{text}"')
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
            problems.append(f"--function: the manifest has no function {name}; {hint}")
        elif name in names:
            problems.append(f"--function: {name} is given twice")
        elif (called := filled(deployed, name)) is None:
            problems.append(f"--function: {unnamed(name)}")
        else:
            names[name] = called
    if problems:
        raise ManifestError(tuple(problems))
    return names
