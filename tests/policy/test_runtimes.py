"""What the policy says, figure by figure, and that each figure says where it comes from."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import FrozenInstanceError
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from harness import policy
from harness.policy import KNOWN_RUNTIMES, UnknownRuntime, runtime_policy, service_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON312 = runtime_policy("python3.12")

RUNTIMES = [
    # runtime, version, operating system, glibc, sure and maximal GLIBCXX, deprecation
    ("python3.10", (3, 10), "Amazon Linux 2", (2, 26), (3, 4, 24), (3, 4, 24), date(2026, 10, 31)),
    ("python3.11", (3, 11), "Amazon Linux 2", (2, 26), (3, 4, 24), (3, 4, 24), date(2027, 6, 30)),
    ("python3.12", (3, 12), "Amazon Linux 2023", (2, 34), (3, 4, 29), (3, 4, 33), date(2028, 10, 31)),
    ("python3.13", (3, 13), "Amazon Linux 2023", (2, 34), (3, 4, 29), (3, 4, 33), date(2029, 6, 30)),
    ("python3.14", (3, 14), "Amazon Linux 2023", (2, 34), (3, 4, 29), (3, 4, 33), date(2029, 6, 30)),
    ("python3.15", (3, 15), "Amazon Linux 2023", (2, 34), (3, 4, 29), (3, 4, 33), None),
]

LIMITS = [
    ("unzipped_bytes", 262_144_000),
    ("direct_upload_bytes", 52_428_800),
    ("direct_request_bytes", 69_905_067),
    ("layers", 5),
    ("environment_bytes", 4096),
    ("tmp_mb", 512),
    ("extensions", 10),
    ("tmp_max_mb", 10_240),
    ("init_seconds", 10),
    ("init_long_seconds", 130),
    ("memory_min_mb", 128),
    ("memory_max_mb", 10_240),
    ("memory_managed_max_mb", 32_768),
    ("timeout_max_seconds", 900),
    ("timeout_disputed_seconds", 1800),
    ("timeout_managed_max_seconds", 5400),
    ("processes", 1024),
    ("file_descriptors", 1024),
    ("managed_python", (3, 13)),
    ("managed_processes_per_vcpu", 16),
    ("managed_mb_per_vcpu", 2048),
    ("managed_concurrency_max", 1600),
    ("durable_execution_max_seconds", 366 * 24 * 3600),
    ("durable_retention_max_days", 90),
    ("durable_python", (3, 13)),
    ("snap_start_python", (3, 12)),
    ("snap_start_tmp_max_mb", 512),
    ("async_payload_bytes", 1024 * 1024),
    ("sync_payload_bytes", 6 * 1024 * 1024),
]


def document() -> dict[str, Any]:
    return tomllib.loads(files("harness.policy").joinpath("runtimes.toml").read_text("utf-8"))


@pytest.mark.parametrize("row", RUNTIMES, ids=lambda row: row[0])
def test_runtime(row: tuple[object, ...]) -> None:
    known = runtime_policy(str(row[0]))
    glibcxx = known.ceiling("GLIBCXX")
    ceilings = (known.ceiling("GLIBC").maximum, glibcxx.sure, glibcxx.maximum)
    assert (known.runtime, known.python, known.operating_system, *ceilings, known.deprecation) == row
    version = known.runtime.removeprefix("python")
    assert known.image == f"public.ecr.aws/lambda/python:{version}"
    assert f"libpython{version}.so.1.0" in known.system_libraries


def test_every_runtime_is_in_the_table_above() -> None:
    assert [row[0] for row in RUNTIMES] == list(KNOWN_RUNTIMES)


@pytest.mark.parametrize(("name", "value"), LIMITS)
def test_limit(name: str, value: object) -> None:
    assert getattr(policy.limits(), name) == value


def test_every_limit_is_in_the_table_above() -> None:
    assert {name for name, _ in LIMITS} == set(document()["limits"])


def figures(table: dict[str, Any], name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table that holds a figure, and every runtime."""
    if {"value", "values", "system"} & table.keys():
        yield name, table
    for key, inner in table.items():
        if isinstance(inner, dict) and key not in {"value", "values"}:
            yield from figures(inner, f"{name}.{key}".lstrip("."))


FIGURES = dict(figures(document()))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_names_its_source(name: str) -> None:
    assert len(FIGURES[name]["source"].split()) >= 3


def test_no_figure_stands_outside_such_a_table() -> None:
    def loose(table: dict[str, Any], name: str = "") -> Iterator[str]:
        for key, inner in table.items():
            if isinstance(inner, dict):
                yield from loose(inner, f"{name}.{key}") if not {"value", "values"} & inner.keys() else ()
            else:
                yield f"{name}.{key}"

    allowed = ("name", "system", "packages", "requirements", "source")
    assert [path for path in loose(document()) if not path.endswith(allowed)] == []


@pytest.mark.parametrize("name", ["python3.9", "python3.1", "nodejs22.x", "", "3.12", "PYTHON3.12"])
def test_an_unknown_runtime_names_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownRuntime, match=r"known are python3\.10, python3\.11, python3\.12") as caught:
        runtime_policy(name)
    assert caught.value.known == KNOWN_RUNTIMES
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    "absent",
    ["libgomp.so.1", "libexpat.so.1", "libcrypt.so.1", "libcrypt.so.2", "libnsl.so.1", "libatomic.so.1", "libGL.so.1",
     "libX11.so.6", "libgfortran.so.5", "libpq.so.5", "libtirpc.so.3", "libgdbm.so.6"],
)  # fmt: skip
def test_what_amazon_linux_2023_does_not_have(absent: str) -> None:
    assert PYTHON312.system_libraries_complete
    assert absent not in PYTHON312.system_libraries


@pytest.mark.parametrize("present", ["libc.so.6", "libstdc++.so.6", "libssl.so.3", "libsqlite3.so.0", "libxml2.so.2"])
def test_what_amazon_linux_2023_has(present: str) -> None:
    assert present in PYTHON312.system_libraries


def test_the_loader_differs_by_architecture() -> None:
    assert dict(PYTHON312.loaders) == {"x86_64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
    assert {loader for _, loader in PYTHON312.loaders} <= PYTHON312.system_libraries


def test_of_amazon_linux_2_no_absence_is_known() -> None:
    assert not runtime_policy("python3.11").system_libraries_complete


def test_setuptools_left_with_3_12() -> None:
    assert "setuptools" in runtime_policy("python3.11").preinstalled
    assert "setuptools" not in PYTHON312.preinstalled


@pytest.mark.parametrize("minor", range(10, 16))
def test_the_sdk_of_durable_functions_came_with_3_13(minor: int) -> None:
    known = runtime_policy(f"python3.{minor}")
    assert ("aws_durable_execution_sdk_python" in dict(known.preinstalled_modules)) is (minor in {13, 14})


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_the_requirements_pin_what_is_preinstalled(runtime: str) -> None:
    known = runtime_policy(runtime)
    pinned = {requirement.partition("==")[0] for requirement in known.runtime_requirements}
    assert pinned == known.preinstalled
    assert all(requirement.count("==") == 1 for requirement in known.runtime_requirements)


def test_the_image_searches_libraries_as_the_image_does() -> None:
    environment = dict(PYTHON312.image_environment)
    assert environment["LD_LIBRARY_PATH"] == (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    )
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"


def test_the_service_names_the_function() -> None:
    environment = service_environment(PYTHON312, "api-{x}", "app.main.handler", 512)
    expected = {
        "_HANDLER": "app.main.handler",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "api-{x}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/api-{x}",
        "TZ": ":UTC",
    }
    assert expected.items() <= environment.items()
    assert "AWS_LAMBDA_RUNTIME_API" not in environment


def test_what_the_service_sets_is_reserved_or_the_users_to_change() -> None:
    free = {"TZ", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS"}
    assert set(service_environment(PYTHON312, "f", "m.h", 128)) - PYTHON312.reserved_variables == free


def test_a_policy_is_a_value() -> None:
    assert runtime_policy("python3.12") is PYTHON312
    assert hash(PYTHON312) != hash(runtime_policy("python3.13"))
    with pytest.raises(FrozenInstanceError):
        PYTHON312.runtime = "python3.13"  # type: ignore[misc]  # which is the point


def test_importing_it_reads_nothing() -> None:
    script = "import sys, harness.policy as p; sys.exit(p.documents.read_toml.cache_info().misses)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
