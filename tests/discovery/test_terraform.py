"""Plans of Terraform, written by hand after its published format: no Terraform is needed to run these tests."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.discovery import terraform
from harness.discovery.project import Project
from harness.discovery.values import DiscoveryError

if TYPE_CHECKING:
    from pathlib import Path

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:deps:4"


def function(address: str = "aws_lambda_function.api", **values: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    standard = {
        "function_name": "shop-api",
        "filename": "build/code.zip",
        "handler": "app.handler",
        "runtime": "python3.12",
        "memory_size": 256,
        "timeout": 10,
        "ephemeral_storage": [{"size": 1024}],
        "environment": [{"variables": {"STAGE": "dev"}}],
        "package_type": "Zip",
    }
    return {"address": address, "mode": "managed", "type": "aws_lambda_function", "values": {**standard, **values}}


def layer(address: str, filename: str) -> dict[str, Any]:
    return {"address": address, "type": "aws_lambda_layer_version", "values": {"filename": filename}}


def configured(address: str, *references: str) -> dict[str, Any]:
    return {"address": address, "expressions": {"layers": {"references": list(references)}}}


def plan(*resources: dict[str, Any], child: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    root: dict[str, Any] = {"resources": list(resources)}
    if child:
        root["child_modules"] = [child]
    return {"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": root}, **more}


def read(folder: Path, content: object, encoding: str = "utf-8") -> Any:  # noqa: ANN401 - a discovery
    path = folder / "tfplan.json"
    path.write_bytes(json.dumps(content, indent=1).encode(encoding))
    assert terraform.is_plan(path)
    return terraform.read(Project(folder, folder), path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_function_with_all_that_is_declared(tmp_path: Path, encoding: str) -> None:
    (found,) = read(tmp_path, plan(function(layers=[LAYER], architectures=["arm64"])), encoding).functions
    assert (found.name, found.deployed_as, found.handler) == ("aws_lambda_function.api", "shop-api", "app.handler")
    assert (found.runtime, found.architecture, found.code) == ("python3.12", "arm64", "build/code.zip")
    assert (found.memory, found.timeout, found.tmp) == (256, 10, 1024)
    assert (found.layers, dict(found.environment)) == ((LAYER,), {"STAGE": "dev"})
    assert (found.place.file, found.place.line) == ("tfplan.json", 8)
    assert found.unknown == ()


LAYERS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (
        "of the root module, in the order of the configuration",
        plan(
            layer("aws_lambda_layer_version.b", "b.zip"),
            layer("aws_lambda_layer_version.a", "a.zip"),
            function(),
            configuration={
                "root_module": {
                    "resources": [
                        configured(
                            "aws_lambda_function.api",
                            "aws_lambda_layer_version.a.arn",
                            "aws_lambda_layer_version.a",
                            "aws_lambda_layer_version.b.arn",
                        )
                    ]
                }
            },
        ),
        ("a.zip", "b.zip"),
    ),
    (
        "given to a module by the one that calls it",
        plan(
            layer("aws_lambda_layer_version.deps", "deps.zip"),
            child={"address": "module.api", "resources": [function("module.api.aws_lambda_function.this[0]")]},
            configuration={
                "root_module": {
                    "module_calls": {
                        "api": {
                            "expressions": {"layers": {"references": ["aws_lambda_layer_version.deps.arn"]}},
                            "module": {"resources": [configured("aws_lambda_function.this", "var.layers")]},
                        }
                    }
                }
            },
        ),
        ("deps.zip",),
    ),
    (
        "made by another module",
        plan(
            function(),
            child={
                "address": "module.deps",
                "resources": [layer("module.deps.aws_lambda_layer_version.this[0]", "d.zip")],
            },
            configuration={
                "root_module": {
                    "resources": [configured("aws_lambda_function.api", "module.deps.layer_arn", "module.deps")]
                }
            },
        ),
        ("d.zip",),
    ),
]


@pytest.mark.parametrize(("content", "layers"), [row[1:] for row in LAYERS], ids=[row[0] for row in LAYERS])
def test_layers_that_the_plan_makes(tmp_path: Path, content: dict[str, Any], layers: tuple[str, ...]) -> None:
    (found,) = read(tmp_path, content).functions
    assert (found.layers, found.unknown) == (layers, ())


def test_what_the_hook_of_sam_says_is_built(tmp_path: Path) -> None:
    triggers = {"resource_name": "aws_lambda_function.api", "built_output_path": "builds/api.zip"}
    hook = {"address": "null_resource.sam_metadata_api", "type": "null_resource", "values": {"triggers": triggers}}
    (found,) = read(tmp_path, plan(function(filename=None), hook)).functions
    assert found.code == "builds/api.zip"


def test_what_only_the_apply_decides_is_named(tmp_path: Path) -> None:
    secret = function(environment=[{"variables": {"TABLE": None, "TOKEN": "hidden"}}])
    secret["sensitive_values"] = {"environment": [{"variables": {"TOKEN": True}}]}
    configuration = {"root_module": {"resources": [configured("aws_lambda_function.api", "module.shared.layer")]}}
    (found,) = read(tmp_path, plan(secret, configuration=configuration)).functions
    assert dict(found.environment) == {"TABLE": "<TABLE>", "TOKEN": "<TOKEN>"}
    assert found.unknown == (
        "environment.TABLE: it is known after the apply",
        "environment.TOKEN: it is sensitive",
        "layers: module.shared",
    )


@pytest.mark.parametrize(
    ("values", "attribute", "value"),
    [
        (
            {"durable_config": [{"execution_timeout": 60, "retention_period": None}]},
            "durable",
            {"execution-timeout": 60},
        ),
        ({"durable_config": []}, "durable", None),
        ({"tenancy_config": [{"tenant_isolation_mode": "PER_TENANT"}]}, "tenant_isolation", True),
        (
            {
                "capacity_provider_config": [
                    {
                        "lambda_managed_instances_capacity_provider_config": [
                            {"per_execution_environment_max_concurrency": 4}
                        ]
                    }
                ]
            },
            "max_concurrency",
            4,
        ),
    ],
)
def test_what_kind_of_function_it_is(tmp_path: Path, values: dict[str, Any], attribute: str, value: object) -> None:
    (found,) = read(tmp_path, plan(function(**values))).functions
    assert getattr(found, attribute) == value


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"package_type": "Image", "image_uri": "x"}, "it is deployed as an image"),
        ({"runtime": "nodejs22.x"}, "it runs on nodejs22.x"),
        ({"runtime": None}, "its runtime is not known before the apply"),
        ({"filename": None}, "its code is not known before the apply"),
        ({"filename": "../../other.zip"}, "its code is not known before the apply"),
    ],
)
def test_what_is_not_covered(tmp_path: Path, values: dict[str, Any], reason: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    found = read(folder, plan(function(**values)))
    assert found.functions == ()
    assert found.uncovered[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (plan() | {"format_version": "2.0"}, "its format_version is 2.0, and only 1.x is known"),
        (plan(), "it plans no resources"),
        ({"format_version": 1, "terraform_version": "1"}, "no plan in JSON"),
    ],
)
def test_what_is_no_plan(tmp_path: Path, content: object, sentence: str) -> None:
    with pytest.raises(DiscoveryError, match=sentence):
        read(tmp_path, content)


def test_an_archive_that_is_not_the_planned_one(tmp_path: Path) -> None:
    archive = tmp_path / "build" / "code.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"PK")
    planned = "ly7DsSoPRkVe15Eah6LB1LoXBRBB6GvM"
    notes = read(tmp_path, plan(function(source_code_hash=planned))).notes
    assert [note.partition(" (")[0] for note in notes] == [
        "build/code.zip is not the archive that was planned for aws_lambda_function.api"
    ]
    right = base64.b64encode(hashlib.sha256(b"PK").digest()).decode()
    assert read(tmp_path, plan(function(source_code_hash=right))).notes == ()
    assert read(tmp_path, plan(function())).notes == ()
