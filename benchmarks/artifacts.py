"""The artifacts that are measured: the sample application, and functions that share a layer of a given size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Unmeasurable
from fixtures import zips
from fixtures.broken import mini
from fixtures.build import SAMPLE, build_sample
from fixtures.build import _forget_this_machine as forget_this_machine
from fixtures.build import _uv as find_uv
from fixtures.installed import distribution
from harness.manifest import FILE_NAME, load
from harness.policy import KNOWN_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.manifest import Function

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHON = "3.12"
MOST = 100
"""Functions in the code archive; manifests list the first of them."""

LAYOUT = 2
_PLATFORM = "x86_64-manylinux_2_28"
_MEMORY_MB = 1024
_EVENT = "event.json"

WEB = '''\
"""Function {number}: an API."""

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    count: int = {number}


@app.get("/items/{number}")
def item() -> Item:
    return Item(name="one")


_adapter = Mangum(app, lifespan="off")


def handler(event, context):
    return _adapter(event, context) if "requestContext" in event else {{"ok": True}}
'''
WORKER = '''\
"""Function {number}: works on a queue's messages."""

import boto3
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_queue = boto3.client("sqs", region_name="eu-central-1")
_engine = create_engine("postgresql+psycopg2://desk:secret@db.example/desk")


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages_{number}"
    id: Mapped[int] = mapped_column(primary_key=True)


def handler(event, context):
    return {{"ok": True}}
'''
LABELS = '''\
"""Function {number}: makes documents."""

import boto3
from cryptography.fernet import Fernet
from lxml import etree
from PIL import Image

_bucket = boto3.client("s3", region_name="eu-central-1")
NUMBER = {number}


def handler(event, context):
    return {{"ok": etree.tostring(etree.Element("label")) == b"<label/>"}}
'''
MIGRATE = '''\
"""Function {number}: changes the database."""

from alembic import command
from alembic.config import Config
from sqlalchemy import text

STATEMENT = text("SELECT {number}")


def handler(event, context):
    return {{"ok": True}}
'''
REPORTS = '''\
"""Function {number}: makes reports."""

import pandas
from openpyxl import Workbook
from reportlab.pdfgen.canvas import Canvas

FRAME = pandas.DataFrame({{"number": [{number}]}})


def handler(event, context):
    return {{"ok": int(FRAME["number"].sum()) == {number}}}
'''
TINY = '''\
"""Function {number}: little of anything."""

import json

import shared

NUMBER = {number}


def handler(event, context):
    return {{"ok": json.loads(shared.TRUE)}}
'''


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer and the kinds of functions over it, which take turns.

    Attributes:
        pins: The list of what is in the layer; None for a few lines of our own.
    """

    name: str
    kinds: tuple[str, ...]
    pins: Path | None = None


SMALL = Shape("layer-50", (WEB, WORKER, LABELS, MIGRATE), HERE / "layer-50.txt")
LARGE = Shape("layer-250", (WEB, WORKER, LABELS, REPORTS), HERE / "layer-250.txt")
MINIATURE = Shape("miniature", (TINY,))


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest and what it names."""

    manifest: Path
    functions: tuple[Function, ...]
    code: Path
    layer: Path

    @property
    def name(self) -> str:
        """Unique among those that are measured."""
        return f"{self.manifest.parent.parent.name}-{self.manifest.parent.name}"


def sample(folder: Path) -> Artifact:
    """The sample application, built where ``make`` leaves it; its project is copied, away from our own pytest's.

    Args:
        folder: Where what is built is kept.
    """
    build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64")
    home = folder / "sample"
    shutil.copytree(SAMPLE, home, ignore=shutil.ignore_patterns("backend", FILE_NAME), dirs_exist_ok=True)
    manifest = (SAMPLE / FILE_NAME).read_text("utf-8").replace('"../../build/', f'"{ROOT}/build/')
    built = ROOT / "build" / "sample" / "x86_64" / "code.zip"
    shutil.copyfile(built, home / built.name)  # it is built again and again here, and is others' there
    (home / FILE_NAME).write_text(manifest.replace(f'"{built}"', f'"{home / built.name}"'), "utf-8")
    return _loaded(home / FILE_NAME)


def shared(shape: Shape, functions: int, folder: Path, *, invoked: bool = False) -> Artifact:
    """The first functions over a layer.

    Args:
        shape: Which layer.
        functions: How many.
        folder: Where what is built is kept.
        invoked: Whether each function is invoked once, after its init.

    Raises:
        Unmeasurable: The layer cannot be built.
    """
    home = folder / shape.name
    _build(shape, home)
    manifest = home / f"{functions}{'-invoked' if invoked else ''}" / FILE_NAME
    manifest.parent.mkdir(exist_ok=True)
    (manifest.parent / _EVENT).write_text("{}\n", "utf-8")
    lines = ['code = "../code.zip"', 'layers = ["../layer.zip"]', f"memory = {_MEMORY_MB}", "timeout = 60"]
    for number in range(1, functions + 1):
        lines += ["", f"[functions.f{number:03}]", f'handler = "functions.f{number:03}.handler"']
        lines += [f'events = ["{_EVENT}"]'] if invoked else []
    manifest.write_text("\n".join([*lines, ""]), "utf-8")
    return _loaded(manifest)


def copied(artifact: Artifact, place: Path) -> Path:
    """The manifest of a copy of an artifact in another folder."""
    place.mkdir(parents=True, exist_ok=True)
    text = artifact.manifest.read_text("utf-8")
    for archive in (artifact.code, artifact.layer):
        shutil.copyfile(archive, place / archive.name)
    for name in (artifact.code, artifact.layer):
        for spelling in (f"../{name.name}", str(name)):
            text = text.replace(f'"{spelling}"', f'"{place / name.name}"')
    manifest = artifact.manifest.with_name(f"{place.parent.name}-{FILE_NAME}")
    manifest.write_text(text, "utf-8")
    return manifest


def rebuild(artifact: Artifact) -> None:
    """Change one file of the code, and zip the code again."""
    with zipfile.ZipFile(artifact.code) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    changed = next(number for number, (entry, _) in enumerate(entries) if entry.filename.endswith(".py"))
    draft = artifact.code.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (entry, content) in enumerate(entries):
            stamp = f"\n# built at {time.time_ns()}\n".encode()
            text = content.partition(b"\n# built at ")[0] + stamp if number == changed else content
            archive.writestr(entry, text)
    draft.replace(artifact.code)


def _loaded(path: Path) -> Artifact:
    manifest = load(path, runtimes=KNOWN_RUNTIMES)
    (layer,) = manifest.layers
    if manifest.code is None or manifest.code.path is None or layer.path is None:
        raise Unmeasurable(f"{path} names archives that are not on this machine")
    return Artifact(path, manifest.functions, manifest.code.path, layer.path)


def _build(shape: Shape, home: Path) -> None:
    """Build both archives, unless they are there and made of the same."""
    made_of = json.dumps([LAYOUT, shape.kinds, shape.pins.read_text("utf-8") if shape.pins else ""])
    stamp = home / "made-of.json"
    if stamp.is_file() and stamp.read_text("utf-8") == made_of:
        return
    home.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)  # until both are done, neither counts
    names = [f"functions/f{number:03}.py" for number in range(1, MOST + 1)]
    modules = {name: shape.kinds[at % len(shape.kinds)].format(number=at + 1) for at, name in enumerate(names)}
    mini(home / "code.zip", {"functions/__init__.py": "", **modules})
    if shape.pins:
        _install(shape.pins, home / "layer.zip")
    else:
        files = distribution("shared", "1.0", {"shared/__init__.py": 'TRUE = "true"\n'})
        mini(home / "layer.zip", {f"python/{name}": content for name, content in files.items()})
    stamp.write_text(made_of, "utf-8")


def _install(pins: Path, layer: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        command = [find_uv(), "pip", "install", "--quiet", "--no-config", "--color", "never"]
        command += ["--python", sys.executable]  # only looked at: what is installed is chosen by the next two options
        command += ["--python-version", PYTHON, "--python-platform", _PLATFORM, "--only-binary", ":all:", "--no-deps"]
        command += ["--no-installer-metadata", "--no-compile-bytecode", "--link-mode", "copy"]
        command += ["--target", str(root / "python"), "--requirements", str(pins)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise Unmeasurable(f"uv could not install {pins.name}: {' '.join(done.stderr.split())}")
        forget_this_machine(root / "python")
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        zips.write(layer, zips.from_files(files))


def environment(function: Function) -> Mapping[str, str]:
    """The environment of a bare import of the function."""
    told = {"PATH": "/usr/bin:/bin", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    told |= {"AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    return told | dict(function.environment)


def module(function: Function) -> str:
    """The module that Lambda would import."""
    return function.handler.rpartition(".")[0].replace("/", ".")
