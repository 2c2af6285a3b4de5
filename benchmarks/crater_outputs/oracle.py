"""What AWS's SAM translator makes of templates: run by the Python that SAM's command is installed with.

``python oracle.py`` takes a path on each line of its input, and prints a line of JSON for each: of each function of
the translated template its properties, or null where the translator refuses the template. Archives are replaced by
places in S3, as ``sam validate`` does, because the translator takes nothing else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ARCHIVE = "s3://bucket/key"
# Of each type: the property that names a file here.
LOCAL = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


class _Policies:
    """No managed policy is looked up in an account."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}

    @staticmethod
    def get_managed_policy_map() -> dict[str, str]:
        return {}


def functions(path: Path) -> dict[str, Any]:
    """The functions of a translated template; the translator decides no condition, so it says which have one."""
    from samtranslator.translator.transform import transform  # noqa: PLC0415 - SAM's environment has it, and no other
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415

    template: dict[str, Any] = yaml_parse(path.read_text("utf-8"))
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in template["Resources"].values():
        properties = resource.setdefault("Properties", {})
        key = LOCAL.get(resource.get("Type"))
        image = properties.get("PackageType") == "Image" or "ImageUri" in properties
        if (key == "CodeUri" and not image and "InlineCode" not in properties) or (
            key and isinstance(properties.get(key), str)
        ):
            properties[key] = ARCHIVE
    translated = transform(template, {}, _Policies())
    return {
        name: {**resource["Properties"], "Conditional": "Condition" in resource}
        for name, resource in translated["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            answer = json.dumps(functions(Path(line.rstrip("\n"))))
        except Exception:  # noqa: BLE001 - it refuses in many ways, and breaks on some templates
            answer = "null"
        sys.stdout.write(f"{answer}\n")
