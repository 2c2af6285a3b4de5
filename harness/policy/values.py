"""The values of Lambda's promises."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


class UnknownRuntime(ValueError):  # noqa: N818 - named for what it is, and shown to the user as its message
    """No policy is known for a runtime."""

    def __init__(self, runtime: str, known: tuple[str, ...]) -> None:
        super().__init__(f"unknown runtime {runtime!r}: known are {', '.join(known)}")
        self.runtime = runtime
        self.known = known


@dataclass(frozen=True, slots=True)
class Limits:
    """The service's quotas, equal for all runtimes.

    A name ends in its unit: bytes, MB (of 1,048,576 bytes) or seconds. What has none is a number of
    things, or a version.

    Attributes:
        unzipped_bytes: Code and all layers together, unpacked.
        direct_upload_bytes: One archive that is uploaded without S3.
        direct_request_bytes: The request of such an upload, in which the archive is base64: what Lambda truly measures.
        layers: Layers of one function.
        extensions: Lambda extensions of one function.
        environment_bytes: All declared variables, as one JSON object.
        tmp_mb: Size of ``/tmp`` where the function does not configure it.
        tmp_max_mb: The most that it can configure.
        init_seconds: The init phase; what takes longer is started again, on the function's own time.
        init_long_seconds: The init phase with SnapStart or a capacity provider, or the timeout if that is longer.
        memory_min_mb: The least memory of a function.
        memory_max_mb: The most.
        memory_managed_max_mb: The most with a capacity provider.
        timeout_max_seconds: The longest that a function may run.
        timeout_disputed_seconds: What some sources say instead; what is longer needs a capacity provider.
        timeout_managed_max_seconds: The longest with a capacity provider.
        managed_processes_per_vcpu: Processes of a function with a capacity provider, where it does not configure them.
        managed_mb_per_vcpu: The least memory of a vCPU there.
        managed_concurrency_max: The most processes that it can configure.
        durable_execution_max_seconds: The longest that a durable execution may be configured to take.
        durable_retention_max_days: The longest that its history may be kept.
        durable_python: The oldest Python of durable functions.
        snap_start_python: The oldest Python with SnapStart.
        snap_start_tmp_max_mb: The largest ``/tmp`` with SnapStart.
        async_payload_bytes: The largest event of an asynchronous invocation.
        sync_payload_bytes: The largest event of a synchronous one.
        processes: Processes and threads together.
        file_descriptors: Open files of a process.
        managed_python: The oldest Python of functions with a capacity provider.
    """

    unzipped_bytes: int
    direct_upload_bytes: int
    direct_request_bytes: int
    layers: int
    extensions: int
    environment_bytes: int
    tmp_mb: int
    tmp_max_mb: int
    init_seconds: int
    init_long_seconds: int
    memory_min_mb: int
    memory_max_mb: int
    memory_managed_max_mb: int
    timeout_max_seconds: int
    timeout_disputed_seconds: int
    timeout_managed_max_seconds: int
    managed_processes_per_vcpu: int
    managed_mb_per_vcpu: int
    managed_concurrency_max: int
    durable_execution_max_seconds: int
    durable_retention_max_days: int
    durable_python: tuple[int, ...]
    snap_start_python: tuple[int, ...]
    snap_start_tmp_max_mb: int
    async_payload_bytes: int
    sync_payload_bytes: int
    processes: int
    file_descriptors: int
    managed_python: tuple[int, ...]

    def init_of(self, timeout: int, *, prolonged: bool) -> int:
        """The seconds of a function's init phase.

        Args:
            timeout: The function's, in seconds.
            prolonged: Whether it has SnapStart or a capacity provider.
        """
        return max(self.init_long_seconds, timeout) if prolonged else self.init_seconds

    def managed_processes(self, configured: int | None, memory_mb: int) -> int:
        """The processes of a function with a capacity provider: those that it configures, or Lambda's default."""
        return configured or self.managed_processes_per_vcpu * max(1, memory_mb // self.managed_mb_per_vcpu)


@dataclass(frozen=True, slots=True)
class SymbolCeiling:
    """The newest version of a family of symbols that a shared library may need.

    Attributes:
        family: ``GLIBC``, ``GLIBCXX``, ``CXXABI`` or ``OPENSSL``: what stands before the underscore of a version's
            name.
        sure: Present wherever Lambda runs; what is newer deserves a warning.
        maximum: The newest that has been seen; what is newer is an error.
    """

    family: str
    sure: tuple[int, ...]
    maximum: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """A module that a Python brings no longer.

    Attributes:
        version: The first version without it.
        remedy: What to do about it, as a request without its full stop.
        cause: Why it is not there, as a sentence without its full stop.
    """

    version: str
    remedy: str
    cause: str


@dataclass(frozen=True, slots=True)
class RuntimePolicy:
    """Lambda's promises for one runtime.

    Attributes:
        runtime: Lambda's name of it: ``python3.12``.
        python: The same as a version: ``(3, 12)``.
        operating_system: What it stands on: ``Amazon Linux 2023``.
        image: Reference of AWS's public image.
        deprecation: The day from which AWS no longer supports it; None where AWS has named none.
        image_environment: The variables that the image sets.
        service_variables: What the service adds; in braces what differs by function. See ``service_environment``.
        reserved_variables: Names that a function cannot declare.
        system_libraries: SONAMEs that are there without the archives' help, the loaders of all architectures and the
            runtime's own libpython among them.
        system_libraries_complete: Whether a SONAME that is not in ``system_libraries`` is known to be absent.
        loaders: The dynamic loader's SONAME by architecture, as in ``("x86_64", "ld-linux-x86-64.so.2")``.
        symbols: The ceilings of glibc and libstdc++, and of OpenSSL where it is known.
        preinstalled: Names of the distributions that the runtime brings, normalised; AWS fixes no versions.
        runtime_requirements: Pins that stand in for them where there is no image, with everything that they need.
        sdk_requirements: What the runtime's boto3 and botocore accept of other distributions.
        sdk_imports: The modules of other distributions that the runtime's boto3 loads when it is imported.
        stdlib: Top-level modules of its standard library, as far as a build for Linux has them.
        builtins: Those that are part of the interpreter: no file shadows them, and no handler may be named like them.
        removed_modules: Modules that older Pythons brought and this one does not, by name.
        bytecode_magic: The number at the beginning of its bytecode; None where it is not known.
        preinstalled_modules: Top-level modules of ``preinstalled``, each with its distribution.
        known_modules: Top-level modules that are a library's wherever they are met.
        limits: The service's quotas.
    """

    runtime: str
    python: tuple[int, int]
    operating_system: str
    image: str
    deprecation: date | None
    image_environment: tuple[tuple[str, str], ...]
    service_variables: tuple[tuple[str, str], ...]
    reserved_variables: frozenset[str]
    system_libraries: frozenset[str]
    system_libraries_complete: bool
    loaders: tuple[tuple[str, str], ...]
    symbols: tuple[SymbolCeiling, ...]
    preinstalled: frozenset[str]
    runtime_requirements: tuple[str, ...]
    sdk_requirements: tuple[str, ...]
    sdk_imports: tuple[str, ...]
    stdlib: frozenset[str]
    builtins: frozenset[str]
    removed_modules: tuple[tuple[str, Removed], ...]
    bytecode_magic: int | None
    preinstalled_modules: tuple[tuple[str, str], ...]
    known_modules: frozenset[str]
    limits: Limits

    def ceiling(self, family: str) -> SymbolCeiling:
        """The ceiling of one family of symbols.

        Raises:
            KeyError: None is known for it.
        """
        for ceiling in self.symbols:
            if ceiling.family == family:
                return ceiling
        raise KeyError(family)


def environment_size(variables: Mapping[str, str]) -> int:
    """The bytes of declared variables, as Lambda counts them: as one JSON object."""
    return len(json.dumps(dict(variables), ensure_ascii=False, separators=(",", ":")).encode())


def service_environment(policy: RuntimePolicy, function_name: str, handler: str, memory_mb: int) -> dict[str, str]:
    """The variables that the service sets for a function, beside the image's.

    The credentials are made up, and the region is ``us-east-1``: what a function does with them at init shows, and
    reaches nobody. ``AWS_LAMBDA_RUNTIME_API`` is not among them: only who serves it knows its address.
    """
    names = {"runtime": policy.runtime, "function": function_name, "handler": handler, "memory": memory_mb}
    return {name: template.format_map(names) for name, template in policy.service_variables}
