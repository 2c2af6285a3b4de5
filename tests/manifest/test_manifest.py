from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.manifest import (
    Architecture,
    Event,
    Function,
    Manifest,
    ManifestError,
    Options,
    Source,
    SourceKind,
    Upload,
    Waiver,
    find,
    load,
)
from harness.manifest.errors import NATIVE, diagnose
from harness.manifest.functions import MOST_MEMORY, MOST_TIMEOUT
from harness.manifest.resolve import DEFAULT_RUNTIME
from harness.manifest.tables import FunctionTable, ManifestTable, Memory, Timeout, WaiverTable
from harness.policy import KNOWN_RUNTIMES, limits

if TYPE_CHECKING:
    from pathlib import Path

RUNTIMES = ("python3.12", "python3.13")
MINIMAL = 'code = "code.zip"\n[functions.api]\nhandler = "app.main.handler"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("code.zip", "layer.zip", "requirements.txt", "other.zip"):
        (tmp_path / name).touch()
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "health.json").write_text('{"event": {"path": "/health"}, "expect": {"statusCode": 200}}')
    (tmp_path / "bare.json").write_text('{"event": 1, "source": "aws.events"}')
    (tmp_path / "broken.json").write_text('{"path":\n "/health" 1}')
    (tmp_path / "nan.json").write_text('{"price": NaN}')
    (tmp_path / "huge.json").write_text('{"price": 1e999}')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    return tmp_path


def write(folder: Path, text: str, name: str = "lambda-artifact.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def sentences(path: Path | None, options: Options | None = None) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        load(path, options, runtimes=RUNTIMES, checks=lambda: ["layer-count"])
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


A_FOLDER = "it is a folder, where a file is expected"
BAD = {
    "an unknown key, with the nearest": (
        'required_files = []\ncode = "code.zip"\n',
        ["{file}:1: `required_files`: unknown key; did you mean `required-files`?"],
    ),
    "an unknown key, with none near": (
        MINIMAL + "zzz = 1\n",
        [
            (
                "{file}:4: `functions.api.zzz`: unknown key; "
                "known are architecture, aws-seed, capacity-provider, code, deployed-as, durable, environment, "
                "events, file-systems, handler, layers, layers-deployed-as, max-concurrency, memory, network-at-init, "
                "requirements, runtime, snap-start, source, tenant-isolation, timeout, tmp"
            )
        ],
    ),
    "an unknown key of a waiver": (
        MINIMAL + '[[waivers]]\ncheck = "a"\nmatch = "b"\nreason = "c"\n'
        '[[waivers]]\ncheck = "a"\nmatch = "b"\nreason = "c"\nexpiry = 2027-01-31\n',
        ["{file}:12: `waivers[1].expiry`: unknown key; did you mean `expires`?"],
    ),
    "everything at once": (
        'code = 3\nlayers = "layer.zip"\nmemory = 64\ntimeout = 5401\nupload = "ftp"\n[functions.api]\nmemory = true\n',
        [
            "{file}:1: `code`: expected a string that is not empty, found 3",
            '{file}:2: `layers`: expected a list, found "layer.zip"',
            "{file}:3: `memory`: expected a whole number of megabytes from 128 to 32,768, found 64",
            "{file}:4: `timeout`: expected a whole number of seconds from 1 to 5,400, found 5401",
            '{file}:5: `upload`: expected "direct" or "s3", found "ftp"',
            "{file}:7: `functions.api.memory`: expected a whole number of megabytes from 128 to 32,768, found true",
            "{file}:6: `functions.api`: `handler` is missing",
        ],
    ),
    "an item of a list": (
        'layers = [\n  "layer.zip",\n  3,\n]\n',
        ["{file}:3: `layers[1]`: expected a string that is not empty, found 3"],
    ),
    "a name that no function has": (
        'deployed-as = "desk-{fn}"\n[functions.api]\nhandler = "a.b"\ndeployed-as = "api:7"\ndeployed = "x"\n',
        [
            (
                "{file}:1: `deployed-as`: expected a function's name or ARN, with :ALIAS where its callers use one, "
                'and {{function}} for its name in this file, found "desk-{{fn}}"'
            ),
            (
                "{file}:4: `functions.api.deployed-as`: expected a function's name or ARN, with :ALIAS where its "
                'callers use one, and {{function}} for its name in this file, found "api:7"'
            ),
            "{file}:5: `functions.api.deployed`: unknown key; did you mean `deployed-as`?",
        ],
    ),
    "two functions that are called the same": (
        'code = "code.zip"\ndeployed-as = "desk"\n[functions.a]\nhandler = "a.b"\n[functions.b]\nhandler = "a.c"\n',
        ["a and b are both desk: put {{function}} into the common `deployed-as`, or give each its own"],
    ),
    "too few names of layers": (
        MINIMAL.replace("[", 'layers = ["layer.zip", "other.zip"]\nlayers-deployed-as = ["deps"]\n[', 1),
        ["{file}:3: `layers-deployed-as`: names 1, and there are 2 layers: give one for each, in their order"],
    ),
    "another name than an ARN has": (
        MINIMAL.replace(
            "[",
            'layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:fonts:4"]\nlayers-deployed-as = ["deps"]\n[',
            1,
        ),
        [
            (
                "{file}:3: `layers-deployed-as`: arn:aws:lambda:eu-west-1:123456789012:layer:fonts:4 is called deps "
                "here: name it as its ARN does"
            )
        ],
    ),
    "a list of the wrong thing": (
        'waivers = "none"\nenvironment = []\nfunctions = { api = "app.main.handler" }\n',
        [
            '{file}:1: `waivers`: expected a list, found "none"',
            "{file}:2: `environment`: expected a table, found a list",
            '{file}:3: `functions.api`: expected a table, found "app.main.handler"',
        ],
    ),
    "a long wrong value": (
        f'memory = "{"x" * 100}"',
        [f'{{file}}:1: `memory`: expected a whole number of megabytes from 128 to 32,768, found "{"x" * 59}…'],
    ),
    "a variable that is no string": (
        "[environment]\nDEBUG = 1\n",
        ["{file}:2: `environment.DEBUG`: expected a string (a number goes in quotes), found 1"],
    ),
    "a variable that Lambda refuses": (
        'environment = { "MY-VAR" = "1" }\n',
        [
            (
                "{file}:1: `environment.MY-VAR`: expected a name that Lambda accepts "
                '(a letter, then at least one more letter, digit or underscore), found "MY-VAR"'
            )
        ],
    ),
    "an expiry that is a string": (
        '[[waivers]]\ncheck = "a"\nmatch = "b"\nreason = "c"\nexpires = "soon"\n',
        ['{file}:5: `waivers[0].expires`: expected a date without quotes, such as 2027-01-31, found "soon"'],
    ),
    "an expiry with a time": (
        '[[waivers]]\ncheck = "a"\nmatch = "b"\nreason = "c"\nexpires = 2027-01-31T12:00:00\n',
        [
            (
                "{file}:5: `waivers[0].expires`: expected a date without quotes, such as 2027-01-31, "
                "found 2027-01-31 12:00:00"
            )
        ],
    ),
    "an unknown architecture": (
        'architecture = "amd64"',
        ['{file}:1: `architecture`: expected "x86_64" or "arm64", found "amd64"'],
    ),
    "an unknown runtime beside another fault": (
        'runtime = "python2.7"\nmemory = 64\n',
        [
            "{file}:2: `memory`: expected a whole number of megabytes from 128 to 32,768, found 64",
            '{file}:1: `runtime`: unknown runtime "python2.7"; known are python3.12, python3.13',
        ],
    ),
    "a waiver for no check": (
        MINIMAL + '[[waivers]]\ncheck = "layer-cont"\nmatch = "b"\nreason = "c"\n'
        '[[waivers]]\ncheck = "zzz"\nmatch = "b"\nreason = "c"\n',
        [
            "{file}:5: `waivers[0].check`: no check is named layer-cont: did you mean layer-count?",
            "{file}:9: `waivers[1].check`: no check is named zzz; `lambda-artifact checks` lists them",
        ],
    ),
    "an unknown runtime": (
        MINIMAL.replace("[", 'runtime = "python2.7"\n[', 1),
        ['{file}:2: `runtime`: unknown runtime "python2.7"; known are python3.12, python3.13'],
    ),
    "paths that do not exist": (
        (
            'code = "build/code.zip"\nlayers = ["layer.zip", "nope"]\nproject = "unpacked"\n'
            'requirements = ["r.txt"]\n[functions.a]\nhandler = "a.b"\n[functions.b]\nhandler = "a.c"\n'
        ),
        [
            "{file}:1: `code`: {folder}/build/code.zip does not exist",
            "{file}:2: `layers[1]`: {folder}/nope does not exist",
            "{file}:4: `requirements[0]`: {folder}/r.txt does not exist",
            "{file}:3: `project`: {folder}/unpacked is not a file",
        ],
    ),
    "faults of all kinds at once": (
        (
            'code = "code.zip"\nlayers = ["nope"]\nmemory = "x"\nrequirements = ["r.txt", 1]\n'
            '[functions.a]\nhandler = "a.b"\nmemry = 1\nlayers = ["gone.zip"]\n'
            '[[waivers]]\ncheck = "none-such"\nmatch = "b"\nreason = "c"\n'
        ),
        [
            '{file}:3: `memory`: expected a whole number of megabytes from 128 to 32,768, found "x"',
            "{file}:4: `requirements[1]`: expected a string that is not empty, found 1",
            "{file}:7: `functions.a.memry`: unknown key; did you mean `memory`?",
            "{file}:2: `layers[0]`: {folder}/nope does not exist",
            "{file}:8: `functions.a.layers[0]`: {folder}/gone.zip does not exist",
            "{file}:10: `waivers[0].check`: no check is named none-such; `lambda-artifact checks` lists them",
        ],
    ),
    "a folder that was not built": (
        'code = "dist"\n',
        [
            (
                "{file}:1: `code`: {folder}/dist does not exist: build it first; a function in AWS is named by its "
                "ARN, or as function:dist"
            )
        ],
    ),
    "a folder that was not built, with a slash": (
        'code = "dist/"\n',
        ["{file}:1: `code`: {folder}/dist does not exist"],
    ),
    "a function that cannot be": (
        'code = "function:my.function"\n',
        ['{file}:1: `code`: expected function:NAME, found "function:my.function"'],
    ),
    "a path that cannot be": (
        f'code = "{"x" * 300}.zip"\n',
        [f"{{file}}:1: `code`: {{folder}}/{'x' * 300}.zip cannot be read: File name too long"],
    ),
    "malformed addresses": (
        (
            'code = "arn:aws:lambda:eu-west-1:123456789012:layer:libs:1"\n'
            'layers = ["s3://bucket", "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/builds", '
            '"arn:aws:lambda:eu-west-1:123456789012:layer:libs"]\n'
        ),
        [
            (
                "{file}:1: `code`: expected the ARN of a function, "
                'found "arn:aws:lambda:eu-west-1:123456789012:layer:libs:1"'
            ),
            '{file}:2: `layers[0]`: expected s3://bucket/key, found "s3://bucket"',
            (
                "{file}:2: `layers[1]`: expected s3://bucket/key, found "
                '"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/builds"'
            ),
            (
                "{file}:2: `layers[2]`: expected the ARN of a layer's version, "
                'found "arn:aws:lambda:eu-west-1:123456789012:layer:libs"'
            ),
        ],
    ),
    "no code anywhere": (
        '[functions.api]\nhandler = "app.main.handler"\n[functions."my job"]\nhandler = "job.handler"\n',
        [
            "{file}:1: `functions.api`: nothing says where its code is: give `code`, or --code",
            '{file}:3: `functions."my job"`: nothing says where its code is: give `code`, or --code',
        ],
    ),
    "nothing at all": ("", ["nothing to verify: name the archive of the code in `code` or with --code"]),
    "events": (
        MINIMAL + 'events = ["none.json", "broken.json", "nan.json", "huge.json", "unpacked"]\n',
        [
            "{file}:4: `functions.api.events[0]`: {folder}/none.json does not exist",
            (
                "{file}:4: `functions.api.events[1]`: {folder}/broken.json is not JSON: "
                "Expecting ',' delimiter: line 2 column 12 (char 20)"
            ),
            "{file}:4: `functions.api.events[2]`: {folder}/nan.json is not JSON: NaN is Python's, not JSON's",
            "{file}:4: `functions.api.events[3]`: {folder}/huge.json is not JSON: 1e999 is too large a number",
            "{file}:4: `functions.api.events[4]`: {folder}/unpacked cannot be read: " + A_FOLDER,
        ],
    ),
    "a function twice": (
        MINIMAL + "[functions.api]\n",
        ["{file}:4: not TOML: Cannot declare ('functions', 'api') twice (at line 4, column 15)"],
    ),
    "no TOML": ('code "x"', ["{file}:1: not TOML: Expected '=' after a key in a key/value pair (at line 1, column 6)"]),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_a_bad_manifest_names_file_key_and_remedy(folder: Path, text: str, expected: list[str]) -> None:
    path = write(folder, text)
    assert sentences(path) == [line.format(file=path, folder=folder) for line in expected]


def test_bytes_that_are_not_utf8(folder: Path) -> None:
    path = folder / "lambda-artifact.toml"
    path.write_bytes(b'code = "\xff"')
    assert sentences(path) == [f"{path}: not UTF-8 at byte 8"]


def test_a_file_that_is_not_there(folder: Path) -> None:
    path = folder / "nope.toml"
    assert sentences(path) == [f"{path}: cannot be read: No such file or directory"]


def test_an_event_nested_too_deeply_is_a_problem_and_no_traceback(folder: Path) -> None:
    path = write(folder, MINIMAL + 'events = ["deep.json"]\n')
    (sentence,) = sentences(path)
    assert sentence.startswith(f"{path}:4: `functions.api.events[0]`: {folder}/deep.json is not JSON: ")


def test_a_pyproject_without_the_table(folder: Path) -> None:
    path = write(folder, "tool = 3", "pyproject.toml")
    assert sentences(path) == [f"{path}: has no table [tool.lambda-artifact]"]


def test_lines_in_a_pyproject(folder: Path) -> None:
    path = write(folder, "[project]\nmemory = 1\n[tool.lambda-artifact]\nmemory = 1\n", "pyproject.toml")
    assert sentences(path) == [
        f"{path}:4: `memory`: expected a whole number of megabytes from 128 to 32,768, found 1",
    ]


KEYS = st.sampled_from(
    [
        field.encode_name
        for table in (ManifestTable, FunctionTable, WaiverTable)
        for field in msgspec.structs.fields(table)
    ]
)
TEXTS = st.text("aZ0_.-é\x00", max_size=4)
LEAVES = st.one_of(TEXTS, st.integers(), st.booleans(), st.floats(), st.dates(), st.datetimes(), st.times())
TABLES = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda value: st.lists(value, max_size=3) | st.dictionaries(KEYS | TEXTS, value, max_size=3)),
)


@given(table=TABLES)
def test_what_does_not_fit_is_explained_and_nothing_else(table: dict[str, object]) -> None:
    try:
        msgspec.convert(table, ManifestTable, builtin_types=NATIVE)
    except msgspec.ValidationError:
        assert list(diagnose(table, ManifestTable))
    else:
        assert not list(diagnose(table, ManifestTable))


BAD_OPTIONS = {
    '--env: expected NAME=VALUE, found "DEBUG"': Options(env=("DEBUG",)),
    "--env: expected a name that Lambda accepts (a letter, then at least one more letter, digit or underscore), "
    'found ""': Options(env=("=1",)),
    '--handler: expected a string that is not empty, found ""': Options(handlers=("",)),
    "--handler: a.b is given twice": Options(handlers=("a.b", "a.b")),
    "--memory: expected a whole number of megabytes from 128 to 32,768, found 64": Options(memory=64),
    '--arch: expected "x86_64" or "arm64", found "arm"': Options(arch="arm"),
    '--runtime: unknown runtime "java21"; known are python3.12, python3.13': Options(code="unpacked", runtime="java21"),
    "--code: {folder}/a.zip does not exist": Options(code="a.zip"),
    "--code: {folder}/dist does not exist: build it first; a function in AWS is named by its ARN, or as "
    "function:dist": Options(code="dist"),
    "--layer: {folder}/a.zip does not exist": Options(code="unpacked", layers=("a.zip",)),
    "--requirements: {folder}/a.txt does not exist": Options(code="unpacked", requirements=("a.txt",)),
    "--project: {folder}/a.toml does not exist": Options(code="unpacked", project="a.toml"),
    "--event: {folder}/a.json does not exist": Options(code="unpacked", handlers=("a.b",), events=("a.json",)),
    "--handler: nothing says where its code is: give `code`, or --code": Options(handlers=("a.b", "a.c")),
}


@pytest.mark.parametrize(("sentence", "options"), BAD_OPTIONS.items(), ids=BAD_OPTIONS)
def test_a_bad_option_is_named_as_the_user_typed_it(folder: Path, sentence: str, options: Options) -> None:
    assert sentences(None, replace(options, folder=folder)) == [sentence.format(folder=folder)]


@pytest.mark.parametrize(
    ("lines", "beyond"),
    [
        ("memory = 10240\ntimeout = 1800\n", {}),
        ("memory = 10241\ntimeout = 1801\n", {"memory": "10,240, found 10,241", "timeout": "1,800, found 1,801"}),
    ],
)
def test_some_limits_are_those_of_managed_instances(folder: Path, lines: str, beyond: dict[str, str]) -> None:
    path = write(folder, MINIMAL + lines)
    wrong = [
        f"{path}:{line}: `functions.api.{key}`: expected at most {figures}: Lambda accepts more only for a function on "
        "managed instances (`capacity-provider = true`)"
        for line, (key, figures) in enumerate(beyond.items(), 4)
    ]
    if wrong:
        assert sentences(path, Options(folder=folder)) == wrong
    with path.open("a", encoding="utf-8") as more:
        more.write("capacity-provider = true\n")
    assert load(path, runtimes=RUNTIMES).functions[0].capacity_provider


def test_a_start_may_take_longer_from_a_snapshot(folder: Path) -> None:
    path = write(folder, f"snap-start = true\n{MINIMAL}[functions.other]\nhandler = 'a.b'\nsnap-start = false\n")
    assert [one.prolonged for one in load(path, runtimes=RUNTIMES).functions] == [True, False]


def test_options_and_file_are_complained_of_together(folder: Path) -> None:
    path = write(folder, 'code = 3\nruntime = "python2.7"\n')
    assert sentences(path, Options(folder=folder, memory=64)) == [
        "--memory: expected a whole number of megabytes from 128 to 32,768, found 64",
        f"{path}:1: `code`: expected a string that is not empty, found 3",
        f'{path}:2: `runtime`: unknown runtime "python2.7"; known are python3.12, python3.13',
    ]


def local(path: Path) -> Source:
    return Source(path.name, path, SourceKind.LOCAL)


EVERYTHING = """
runtime = "python3.13"
architecture = "arm64"
code = "code.zip"
layers = ["layer.zip", "s3://bucket/libs.zip"]
required-files = ["alembic.ini", "/opt/python/certs/*.pem"]
requirements = ["requirements.txt"]
project = "requirements.txt"
upload = "direct"
memory = 1024
timeout = 60
environment = { STAGE = "test", EMPTY = "" }
deployed-as = "desk-{function}:live"
layers-deployed-as = ["deps", "arn:aws:lambda:eu-west-1:123456789012:layer:libs"]

[functions.api]
handler = "app.main.handler"
events = ["health.json", "bare.json"]

[functions.cleanup]
handler = "lambdas.cleanup.handler"
code = "unpacked"
layers = []
memory = 128
timeout = 900
environment = { STAGE = "prod", EXTRA = "1" }
deployed-as = "arn:aws:lambda:eu-west-1:123456789012:function:tidy"

[[waivers]]
check = "shared-libraries"
match = "libGL.so.1"
reason = "opencv's GUI is never imported"
expires = 2027-01-31
"""


def everything(folder: Path, path: Path) -> Manifest:
    layers = (local(folder / "layer.zip"), Source("s3://bucket/libs.zip", None, SourceKind.S3))
    return Manifest(
        path=path,
        runtime="python3.13",
        architecture=Architecture.ARM64,
        code=local(folder / "code.zip"),
        layers=layers,
        required_files=("alembic.ini", "/opt/python/certs/*.pem"),
        requirements=(folder / "requirements.txt",),
        project=folder / "requirements.txt",
        upload=Upload.DIRECT,
        functions=(
            Function(
                name="api",
                handler="app.main.handler",
                code=local(folder / "code.zip"),
                layers=layers,
                memory=1024,
                timeout=60,
                environment=(("STAGE", "test"), ("EMPTY", "")),
                events=(
                    Event("health.json", folder / "health.json", '{"path": "/health"}', '{"statusCode": 200}'),
                    Event("bare.json", folder / "bare.json", '{"event": 1, "source": "aws.events"}', None),
                ),
                deployed_as="desk-api:live",
                layers_deployed_as=("deps", "arn:aws:lambda:eu-west-1:123456789012:layer:libs"),
                stated=frozenset({"memory", "timeout"}),
            ),
            Function(
                name="cleanup",
                handler="lambdas.cleanup.handler",
                code=local(folder / "unpacked"),
                layers=(),
                memory=128,
                timeout=900,
                environment=(("STAGE", "prod"), ("EMPTY", ""), ("EXTRA", "1")),
                events=(),
                deployed_as="arn:aws:lambda:eu-west-1:123456789012:function:tidy",
                stated=frozenset({"memory", "timeout"}),
            ),
        ),
        waivers=(Waiver("shared-libraries", "libGL.so.1", "opencv's GUI is never imported", date(2027, 1, 31)),),
    )


def test_every_key_by_value(folder: Path) -> None:
    path = write(folder, EVERYTHING)
    manifest = load(path, runtimes=RUNTIMES)
    assert manifest == everything(folder, path)
    assert hash(manifest) == hash(everything(folder, path))


def test_the_same_keys_in_a_pyproject(folder: Path) -> None:
    text = EVERYTHING.replace("[functions", "[tool.lambda-artifact.functions").replace("[[", "[[tool.lambda-artifact.")
    path = write(folder, "[tool.lambda-artifact]\n" + text, "pyproject.toml")
    assert load(path, runtimes=RUNTIMES) == everything(folder, path)


def test_defaults(folder: Path) -> None:
    path = write(folder, MINIMAL)
    code = local(folder / "code.zip")
    assert load(path, runtimes=RUNTIMES) == Manifest(
        path=path,
        runtime="python3.12",
        architecture=Architecture.X86_64,
        code=code,
        layers=(),
        required_files=(),
        requirements=(),
        project=None,
        upload=None,
        functions=(Function("api", "app.main.handler", code, (), 512, 30, (), ()),),
        waivers=(),
    )


def test_options_override_the_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    here = tmp_path_factory.mktemp("here")
    (here / "new.zip").touch()
    (here / "new.json").write_text("[1]")
    # What is overridden need not be there: nobody asks for it.
    path = write(folder, EVERYTHING.replace("code.zip", "unbuilt.zip").replace('"layer.zip", ', '"unbuilt.zip", '))
    options = Options(
        folder=here,
        code="new.zip",
        layers=("new.zip",),
        require=("VERSION",),
        runtime="python3.12",
        arch="x86_64",
        memory=2048,
        env=("STAGE=a=b",),
        events=("new.json",),
    )
    manifest = load(path, options, runtimes=RUNTIMES)
    new = local(here / "new.zip")
    assert (manifest.runtime, manifest.architecture) == ("python3.12", Architecture.X86_64)
    assert manifest.required_files == ("VERSION",)
    assert manifest.requirements == (folder / "requirements.txt",)
    assert [(f.code, f.layers, f.memory, f.timeout) for f in manifest.functions] == [
        (new, (new,), 2048, 60),
        (new, (new,), 2048, 900),
    ]
    assert dict(manifest.functions[1].environment) == {"STAGE": "a=b", "EMPTY": "", "EXTRA": "1"}
    assert manifest.functions[1].events == (Event("new.json", here / "new.json", "[1]", None),)


def test_handlers_replace_the_functions_of_the_file(folder: Path) -> None:
    path = write(folder, EVERYTHING)
    (function,) = load(path, Options(handlers=("worker.handler",)), runtimes=RUNTIMES).functions
    assert function == replace(
        everything(folder, path).functions[0],
        name="worker.handler",
        handler="worker.handler",
        events=(),
        deployed_as=None,  # no function in an account is called like a handler
    )


def test_options_alone_make_a_manifest(folder: Path) -> None:
    options = Options(folder=folder, code="code.zip", layers=("layer.zip",), handlers=("a.b", "c.d"))
    manifest = load(None, options, runtimes=RUNTIMES)
    assert manifest.path is None
    assert [(function.name, function.handler) for function in manifest.functions] == [("a.b", "a.b"), ("c.d", "c.d")]
    assert manifest.functions[0].layers == manifest.layers == (local(folder / "layer.zip"),)


def test_archives_without_functions_are_a_manifest(folder: Path) -> None:
    assert load(None, Options(folder=folder, code="code.zip"), runtimes=RUNTIMES).functions == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("code.zip", SourceKind.LOCAL),
        ("unpacked", SourceKind.LOCAL),
        ("s3://bucket/a/b.zip", SourceKind.S3),
        ("function:my-function", SourceKind.REMOTE),
        ("function:my-function:live", SourceKind.REMOTE),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:api:3", SourceKind.REMOTE),
    ],
)
def test_where_code_comes_from(folder: Path, text: str, kind: SourceKind) -> None:
    path = folder / text if kind is SourceKind.LOCAL else None
    manifest = load(None, Options(folder=folder, code=text), runtimes=RUNTIMES)
    assert manifest.code == Source(text, path, kind)


def test_an_expectation_of_null_is_one(folder: Path) -> None:
    (folder / "null.json").write_text('{"event": null, "expect": null}')
    path = write(folder, MINIMAL + 'events = ["null.json"]\n')
    (event,) = load(path, runtimes=RUNTIMES).functions[0].events
    assert (event.payload, event.expect) == ("null", "null")


def test_the_ranges_are_those_that_the_policy_gives_with_their_sources() -> None:
    promised = limits()
    memory, timeout = (
        next(part for part in get_args(kind) if isinstance(part, msgspec.Meta)) for kind in (Memory, Timeout)
    )
    assert (memory.ge, memory.le) == (promised.memory_min_mb, promised.memory_managed_max_mb)
    assert timeout.le == promised.timeout_managed_max_seconds
    assert (promised.memory_max_mb, promised.timeout_disputed_seconds) == (MOST_MEMORY, MOST_TIMEOUT)


def test_the_runtime_by_default_is_a_known_one() -> None:
    assert DEFAULT_RUNTIME in KNOWN_RUNTIMES


def test_the_nearest_manifest_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert find(deep) is None
    outer = write(tmp_path, "[tool.lambda-artifact]", "pyproject.toml")
    write(deep, "[tool.ruff]", "pyproject.toml")
    assert find(deep) == outer
    inner = write(tmp_path / "a", "")
    assert find(deep) == inner
    assert find(tmp_path) == outer


def test_the_own_file_comes_before_a_pyproject(tmp_path: Path) -> None:
    write(tmp_path, "[tool.lambda-artifact]", "pyproject.toml")
    own = write(tmp_path, "")
    assert find(tmp_path) == own


@pytest.mark.parametrize(
    ("text", "found"), [("[tool.lambda-artifact", True), ("[tool.black", False), ("tool = 3", False)]
)
def test_a_broken_pyproject_is_found_only_where_it_could_be_ours(tmp_path: Path, text: str, found: bool) -> None:  # noqa: FBT001 - parametrized
    path = write(tmp_path, text, "pyproject.toml")
    assert find(tmp_path) == (path if found else None)


def test_a_pyproject_that_cannot_be_read_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert find(tmp_path) is None
