"""A peer: ``sam local invoke`` of each function, on the image that plays Lambda's."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contenders import Workshop, remove, unzip, write_json
from benchmarks.measure import Contender, Sample, Unmeasurable, timed
from fixtures.standin.emulator import EMULATOR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.artifacts import Artifact

IMAGES = "samcli/lambda-python"


@dataclass(frozen=True, slots=True)
class Sam:
    """AWS's SAM, in a virtual environment of its own.

    Attributes:
        workshop: Where, and with which image.
        artifact: The functions.
    """

    workshop: Workshop
    artifact: Artifact

    @property
    def home(self) -> Path:
        """The virtual environment."""
        return self.workshop.folder / "sam"

    def contender(self, name: str) -> Contender:
        """Each function invoked by a command of its own."""
        before: set[str] = set()

        def set_up() -> None:
            before.update(self._images())
            self.set_up()

        return Contender(name, self.run, set_up, tear_down=lambda: self._drop(self._images() - before))

    def set_up(self) -> None:
        """Install SAM, write its template, and let it make what it keeps.

        Raises:
            Unmeasurable: It cannot be had, or does not work here.
        """
        if self.workshop.quick:
            raise Unmeasurable("a quick run installs nothing")
        _ = self.workshop.docker
        if not (self.home / "bin" / "sam").is_file():
            remove(self.home)
            timed([self.workshop.python, "-m", "venv", self.home])
            pip = [str(self.home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            timed([*pip, "--no-input", "--only-binary", ":all:", EMULATOR])
        tree = self._folder / "tree"
        remove(tree)
        unzip(self.artifact, tree)
        write_json(self._folder / "template.json", self._template(tree))
        self._invoke(1)

    def run(self) -> Sample:
        """Invoke all."""
        return self._invoke(None)

    @property
    def _folder(self) -> Path:
        return self.workshop.folder / "sam-application"

    def _invoke(self, some: int | None) -> Sample:
        image = self.workshop.docker[1]
        invoke: list[str | Path] = [self.home / "bin" / "sam", "local", "invoke"]
        options: list[str | Path] = ["--template", self._folder / "template.json", "--no-event", "--skip-pull-image"]
        options += ["--invoke-image", image, "--layer-cache-basedir", self._folder / "layers"]
        environ = {
            **self.workshop.environ,
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(self._folder / "settings"),
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }
        return sum(
            (
                timed([*invoke, one.name, *options], environ=environ, folder=self._folder, expect=b'{"ok": true}')
                for one in self.artifact.functions[:some]
            ),
            Sample(0.0, 0.0),
        )

    def _images(self) -> set[str]:
        """SAM's images; none where there is no daemon."""
        try:
            docker, _ = self.workshop.docker
        except Unmeasurable:
            return set()
        listed = [docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", IMAGES]
        return set(subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split())

    def _drop(self, images: set[str]) -> None:
        for image in images:
            subprocess.run([self.workshop.docker[0], "image", "rm", image], check=False, capture_output=True)

    def _template(self, tree: Path) -> dict[str, object]:
        layer = {"ContentUri": str(tree / "opt"), "CompatibleRuntimes": ["python3.12"]}
        resources: dict[str, object] = {"Shared": _resource("LayerVersion", layer)}
        for one in self.artifact.functions:
            function = {
                "Runtime": "python3.12",
                "Handler": one.handler,
                "CodeUri": str(tree / "task"),
                "MemorySize": one.memory,
                "Timeout": one.timeout,
                "Layers": [{"Ref": "Shared"}],
            }
            resources[one.name] = _resource("Function", function)
        return {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": resources,
        }


def _resource(kind: str, properties: Mapping[str, object]) -> dict[str, object]:
    return {"Type": f"AWS::Serverless::{kind}", "Properties": properties}
