"""Read ``runtimes.toml`` and combine it with the standard library of each Python."""

from __future__ import annotations

from functools import cache

from harness.policy import stdlib
from harness.policy.documents import Table, parse_version, read_toml
from harness.policy.values import Limits, RuntimePolicy, SymbolCeiling, UnknownRuntime


@cache
def known_runtimes() -> tuple[str, ...]:
    """The runtimes that have a policy, oldest first."""
    return tuple(read_toml("runtimes.toml")["runtimes"])


def unverifiable(runtime: str) -> str:
    """The clause about a runtime without a policy."""
    known = known_runtimes()
    return f"{runtime} cannot be verified, {known[0]} to {known[-1]} can"


@cache
def limits() -> Limits:
    """The service's quotas."""
    figures: Table = {name: figure["value"] for name, figure in read_toml("runtimes.toml")["limits"].items()}
    pythons: Table = {name: parse_version(value) for name, value in figures.items() if name.endswith("_python")}
    return Limits(**(figures | pythons))


@cache
def runtime_policy(runtime: str) -> RuntimePolicy:
    """Lambda's promises for a runtime.

    Raises:
        UnknownRuntime: There is no policy for it; the message names those that there are.
    """
    if runtime not in known_runtimes():
        raise UnknownRuntime(runtime, known_runtimes())
    document = read_toml("runtimes.toml")
    own = document["runtimes"][runtime]
    system, image, service = document["systems"][own["system"]], document["image"], document["service"]
    version = runtime.removeprefix("python")
    major, minor = parse_version(version)
    python = major, minor
    preinstalled = frozenset([*document["packages"]["preinstalled"]["values"], *own.get("packages", [])])
    loaders = document["loaders"]["values"]
    libraries = {*system["libraries"]["values"], *loaders.values(), f"libpython{version}.so.1.0"}
    return RuntimePolicy(
        runtime=runtime,
        python=python,
        operating_system=system["name"],
        image=image["reference"]["value"].format(version=version),
        deprecation=own["deprecation"]["value"] if "deprecation" in own else None,
        image_environment=tuple(image["environment"]["values"].items()),
        service_variables=tuple(service["environment"]["values"].items()),
        reserved_variables=frozenset(service["reserved"]["values"]),
        system_libraries=frozenset(libraries),
        system_libraries_complete=system["libraries"]["complete"],
        loaders=tuple(loaders.items()),
        symbols=tuple(_ceiling(family, figure["value"]) for family, figure in system["symbols"].items()),
        preinstalled=preinstalled,
        runtime_requirements=(*document["packages"]["requirements"]["values"], *own.get("requirements", [])),
        sdk_requirements=tuple(document["packages"]["sdk"]["values"]),
        sdk_imports=tuple(document["packages"]["sdk-imports"]["values"]),
        stdlib=stdlib.modules(python),
        builtins=stdlib.builtins(python),
        removed_modules=tuple(stdlib.removed(python, preinstalled)),
        bytecode_magic=stdlib.bytecode_magic(python),
        preinstalled_modules=tuple(stdlib.preinstalled(preinstalled)),
        known_modules=stdlib.known(),
        limits=limits(),
    )


def _ceiling(family: str, versions: Table) -> SymbolCeiling:
    return SymbolCeiling(family, parse_version(versions["sure"]), parse_version(versions["maximum"]))
