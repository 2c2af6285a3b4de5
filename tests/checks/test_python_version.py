from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from fixtures.elf import shared_object
from fixtures.installed import distribution
from harness.checks.python_version import check
from harness.dependencies.project import Declared, Lock, Project
from harness.model import Finding, Note, Severity
from tests.build import Seen, code, findings, function, manifest, program_of, subject
from tests.repositories import files

Said: TypeAlias = list[tuple[Severity, str]]

E, W = Severity.ERROR, Severity.WARNING
TF = 'resource "aws_lambda_function" "x" {{ {} }}'
SAM = "R:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: { Handler: HANDLER, Runtime: python3.11 }\n"
OURS, FLAG = 'handler = "app.main.handler"', "--handler app.main.handler"
CI = ".github/workflows/test.yml"
JOBS = "jobs: {test: {strategy: {matrix: {python: [%s]}}, steps: [{run: pytest}]}}"


def verdict(folder: Path, texts: dict[str, str], project: Project | None = None) -> list[Finding]:
    files(folder, {".git/HEAD": "", **texts})
    declared = replace(manifest(function(handler="app.main.handler")), path=folder / "lambda-artifact.toml")
    return findings(check, subject(code("app/main.py"), declared=declared, project=project))


def said(several: list[Finding]) -> Said:
    return [(one.severity, one.where) for one in several]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # What chooses a Python for the folder.
        ({".python-version": "3.11.4"}, [(W, ".python-version:1")]),
        ({".python-version": "3.12.7"}, []),
        ({".python-version": "cpython-3.12"}, []),
        ({".python-version": "3.11.4\n3.12.1\n"}, []),
        ({".python-version": "shop-venv"}, []),
        ({".tool-versions": "nodejs 20.1\npython 3.11.4"}, [(W, ".tool-versions:2")]),
        ({"mise.toml": '[tools]\npython = "3.11"'}, [(W, "mise.toml:2")]),
        ({"runtime.txt": "python-3.12.4"}, []),
        ({"Pipfile": '[requires]\npython_version = "3.11"'}, [(W, "Pipfile:2")]),
        # What deploys the function.
        ({"main.tf": TF.format('runtime = "python3.11"')}, [(W, "main.tf:1")]),
        ({"main.tf": TF.format(f'{OURS}, runtime = "python3.11"')}, [(E, "main.tf:1")]),
        ({"main.tf": TF.format('runtime = "python3.12"')}, []),
        ({"main.tf": TF.format('runtime = "nodejs20.x"')}, []),
        ({"template.yaml": SAM.replace("HANDLER", "app.main.handler")}, [(E, "template.yaml:4")]),
        ({"template.yaml": SAM.replace("HANDLER", "app/main.handler")}, [(E, "template.yaml:4")]),
        ({"template.yaml": SAM.replace("HANDLER", "wrapper.handler")}, []),
        ({"serverless.yml": "provider: {runtime: python3.11}"}, [(W, "serverless.yml:1")]),
        (
            {"serverless.yml": "provider: {runtime: python3.11}\nfunctions: {a: {handler: app/main.handler}}"},
            [(E, "serverless.yml:1")],
        ),
        (
            {"template.yaml": f"Parameters: {{P: {{Default: python3.11}}}}\n{SAM.replace('python3.11', '!Ref P')}"},
            [],
        ),
        (
            {
                "template.yaml": "Parameters: {P: {Default: python3.11}}\n"
                + SAM.replace("python3.11", "!Ref P").replace("HANDLER", "app.main.handler")
            },
            [(E, "template.yaml:1")],
        ),
        (
            {
                "template.yaml": "Parameters: {P: {Type: String}}\n"
                + SAM.replace("python3.11", "!Ref P").replace("HANDLER", "app.main.handler")
                + SAM.partition("\n")[2].replace("F:", "G:").replace("HANDLER", "other.handler")
            },
            [],
        ),
        # Of two functions with one handler, the one that is named like the manifest's.
        (
            {
                "template.yaml": SAM.replace("HANDLER", "app.main.handler")
                + SAM.partition("\n")[2]
                .replace("F:", "Api:")
                .replace("HANDLER", "app.main.handler")
                .replace("3.11", "3.12")
            },
            [],
        ),
        # Terraform's variables, in whatever file of the folder.
        (
            {"locals.tf": 'locals {\n  py = "python3.11"\n}', "main.tf": TF.format(f"{OURS}, runtime = local.py")},
            [(E, "locals.tf:2")],
        ),
        (
            {
                "variables.tf": 'variable "version" {\n  default = "3.11"\n}',
                "main.tf": TF.format(f'{OURS}, runtime = "python${{var.version}}"'),
            },
            [(E, "variables.tf:2")],
        ),
        ({"locals.tf": 'locals {\n  py = "python3.11"\n}', "main.tf": TF.format(f"{OURS}, runtime = var.py")}, []),
        # Commands.
        (
            {"deploy.sh": f"aws lambda create-function --function-name x \\\n  --runtime python3.11 {FLAG}"},
            [(E, "deploy.sh:1")],
        ),
        (
            {"deploy.sh": "R=python3.11\naws lambda update-function-configuration --function-name api --runtime $R"},
            [(E, "deploy.sh:2")],
        ),
        (
            {"deploy.sh": "aws lambda create-function --function-name x --runtime python3.11 --handler other.handler"},
            [],
        ),
        (
            {"deploy.sh": "aws lambda publish-layer-version --compatible-runtimes python3.11 python3.10"},
            [(W, "deploy.sh:1")],
        ),
        ({"deploy.sh": "aws lambda publish-layer-version --compatible-runtimes python3.11 python3.12"}, []),
        # What nothing here deploys with.
        ({"stack.py": f"import aws_cdk\nFunction(runtime=Runtime.PYTHON_3_11, {OURS})"}, [(W, "stack.py:2")]),
        (
            {
                "stack.py": f"import aws_cdk\nFunction(runtime=Runtime.PYTHON_3_11, {OURS})",
                "Makefile": "x:\n\tnpx cdk deploy",
            },
            [(E, "stack.py:2")],
        ),
        (
            {
                "template.yaml": SAM.replace("HANDLER", "app.main.handler"),
                "deploy.sh": "aws lambda update-function-code",
            },
            [(W, "template.yaml:4")],
        ),
        (
            {"template.yaml": SAM.replace("HANDLER", "app.main.handler"), "deploy.sh": "sam deploy"},
            [(E, "template.yaml:4")],
        ),
        # What was built is not the user's.
        ({"layer/python/lib/template.yaml": SAM, "layer/python/lib-1.dist-info/RECORD": ""}, []),
        ({"package/lib/template.yaml": SAM, "layer/python/lib/template.yaml": SAM}, []),
        # Another function's runtime is its own.
        ({"a.tf": TF.format('runtime = "python3.11"'), "b.tf": TF.format('runtime = "python3.12"')}, []),
        (
            {
                "a.tf": TF.format('handler = "app.main.handler", runtime = "python3.11"'),
                "b.tf": TF.format('handler = "other.handler", runtime = "python3.12"'),
            },
            [(E, "a.tf:1")],
        ),
        (
            {
                "a.tf": TF.format('handler = "app.main.handler", runtime = "python3.12"'),
                "b.tf": TF.format('handler = "other.handler", runtime = "python3.11"'),
            },
            [],
        ),
        (
            {
                "template.yaml": "Globals: {Function: {Runtime: python3.11}}\n"
                "R: {T: AWS::Serverless::Function, Handler: other.handler, Runtime: python3.12}"
            },
            [],
        ),
        # A variable has a default, and what a stage sets instead.
        (
            {
                "variables.tf": 'variable "runtime" {\n  default = "python3.11"\n}',
                "prod.tfvars": 'runtime = "python3.12"',
            },
            [],
        ),
        # Layers are not told apart: one that agrees may be the function's.
        ({"layer.tf": 'compatible_runtimes = ["python3.11"]'}, [(W, "layer.tf:1")]),
        ({"layer.tf": 'compatible_runtimes = ["python3.11", "python3.12"]'}, []),
        ({"stack.py": "import aws_cdk\nLayer(compatible_runtimes=[Runtime.PYTHON_3_11])"}, [(W, "stack.py:2")]),
        # What builds.
        ({"Dockerfile": "FROM python:3.11-slim"}, [(W, "Dockerfile:1")]),
        ({"Dockerfile": "FROM python:3.12 AS build\nFROM python:3.11 AS docs"}, []),
        ({"Dockerfile": "FROM public.ecr.aws/lambda/python:3.12"}, []),
        ({"template.yaml": "T: AWS::Serverless::Function\nM: {BuildMethod: python3.11}"}, [(W, "template.yaml:2")]),
        ({"Dockerfile": 'FROM python:3.11-slim\nCMD ["uvicorn", "app.main:app"]'}, []),
        ({"Dockerfile": 'FROM public.ecr.aws/lambda/python:3.11\nCMD ["app.main.handler"]'}, [(W, "Dockerfile:1")]),
        ({"other/Dockerfile": 'FROM public.ecr.aws/lambda/python:3.11\nCMD ["other.handler"]'}, []),
        ({"other/Dockerfile": "FROM public.ecr.aws/lambda/python:3.11\nCOPY app.py ${LAMBDA_TASK_ROOT}"}, []),
        ({"Dockerfile": "FROM python:3.12", "other/Dockerfile": "FROM public.ecr.aws/lambda/python:3.11"}, []),
        ({"Makefile": "layer:\n\tpython3.11 -m pip install -r requirements.txt -t python"}, [(W, "Makefile:2")]),
        ({"Makefile": "layer:\n\tpython3.12 -m pip install -r requirements.txt -t python"}, []),
        ({"Makefile": "venv:\n\tpython3.11 -m venv .venv"}, [(W, "Makefile:2")]),
        # What is told to linters: code for an older Python runs, too.
        ({"pyproject.toml": '[tool.ruff]\ntarget-version = "py311"'}, []),
        ({"tox.ini": "[tox]\nenvlist = py311, lint"}, [(W, "tox.ini:2")]),
        ({"tox.ini": "[tox]\nenvlist = py3{11,12}"}, []),
        ({"noxfile.py": '@nox.session(python=["3.11"])'}, [(W, "noxfile.py:1")]),
        # What tests.
        ({CI: "env: {PYTHON_VERSION: '3.11'}\nrun: docker run public.ecr.aws/sam/build-python3.12 make layer"}, []),
        (
            {CI: "env: {PYTHON_VERSION: '3.11'}\nrun: pytest\nwith: {version: '${{ env.PYTHON_VERSION }}'}"},
            [(W, f"{CI}:1")],
        ),
        (
            {CI: "env: {PYTHON_VERSION: '3.11'}\nrun: ./layer.sh", "layer.sh": "docker run x:$PYTHON_VERSION"},
            [(W, f"{CI}:1")],
        ),
        ({CI: "run: python3.11 -m pip install -r requirements.txt -t python"}, [(W, f"{CI}:1")]),
        ({CI: JOBS % "3.11"}, [(W, f"{CI}:1")]),
        ({CI: JOBS % "3.11, 3.12, 3.13"}, []),
        ({CI: JOBS % "3.x"}, []),
        ({CI: JOBS % "${{ fromJson(x) }}"}, []),
        # Tested on the right one, and installed for another.
        ({CI: "python: 3.12\nrun: pip install --platform x --python-version 3.11 # layer"}, [(W, f"{CI}:2")]),
        ({".gitlab-ci.yml": "image: python:3.11\nscript: [pytest]"}, [(W, ".gitlab-ci.yml:1")]),
    ],
)
def test_each_place_agrees_or_is_found(
    tmp_path: Path, texts: dict[str, str], expected: list[tuple[Severity, str]]
) -> None:
    told = verdict(tmp_path, texts)

    assert said(told) == expected
    assert all("3.11" in one.message and "python3.12" in one.message and one.remedy for one in told)


@pytest.mark.parametrize(
    ("asked", "excludes"),
    [
        (">=3.9", False),
        (">=3.12,<3.13", False),
        (">=3.12.5", False),
        ("==3.12.*", False),
        (None, False),
        (">=3.9,<3.12", True),
        (">=3.13", True),
        ("==3.11.*", True),
    ],
)
def test_what_the_project_asks_for(tmp_path: Path, asked: str | None, excludes: bool) -> None:  # noqa: FBT001 - a column
    declared = Declared(
        Path("pyproject.toml"), "pyproject.toml", None, (), asked, "pyproject.toml:5" if asked else None
    )

    told = verdict(tmp_path, {}, Project(declared=declared))

    assert said(told) == ([(W, "pyproject.toml:5")] if excludes else [])
    assert not told or f"pyproject.toml asks for Python {asked}, and the function runs python3.12" in told[0].message


LOCKS = {
    "uv": ("uv.lock", 'version = 1\nrequires-python = "<3.12"\n\n[[package]]\nrequires-python = "x"', 2),
    "poetry": ("poetry.lock", '[[package]]\npython-versions = "*"\n\n[metadata]\npython-versions = "<3.12"\n', 5),
    "pip": ("pylock.toml", 'lock-version = "1.0"\nrequires-python = "<3.12"\n[[packages]]\nrequires-python = "x"', 2),
    "pdm": ("pdm.lock", '[metadata]\n[[metadata.targets]]\nrequires_python = "<3.12"\n', 3),
    "pipenv": ("Pipfile.lock", '{"_meta": {\n"requires": {\n"python_version": "3.11"}}}', 3),
}


@pytest.mark.parametrize("tool", LOCKS)
def test_what_the_lock_was_made_for(tmp_path: Path, tool: str) -> None:
    name, text, line = LOCKS[tool]
    files(tmp_path, {name: text})
    lock = Lock(tmp_path / name, name, tool, "1", requires_python="<3.12")

    assert said(verdict(tmp_path, {}, Project(lock=lock))) == [(W, f"{name}:{line}")]
    assert verdict(tmp_path, {}, Project(lock=replace(lock, requires_python=">=3.12,<4"))) == []
    assert verdict(tmp_path, {}, Project(lock=replace(lock, requires_python=None))) == []


def test_a_lock_that_cannot_be_read_now_is_named_without_a_line(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "uv.lock", "uv.lock", "uv", "1", requires_python="<3.12")

    assert said(verdict(tmp_path, {}, Project(lock=lock))) == [(W, "uv.lock")]


def test_of_a_project_and_its_lock_the_project_is_the_cause(tmp_path: Path) -> None:
    declared = Declared(Path("pyproject.toml"), "pyproject.toml", None, (), "<3.12", "pyproject.toml:5")
    lock = Lock(tmp_path / "uv.lock", "uv.lock", "uv", "1", requires_python="<3.12")

    assert said(verdict(tmp_path, {}, Project(declared=declared, lock=lock))) == [(W, "pyproject.toml:5")]


def test_one_deployment_with_several_places_is_one_finding(tmp_path: Path) -> None:
    (one,) = verdict(tmp_path, {f"{name}.tf": TF.format('runtime = "python3.11"') for name in "abcde"})

    assert one.where == "a.tf:1"
    assert one.cause == "also at b.tf:1, c.tf:1, d.tf:1, e.tf:1"
    assert one.message == (
        'runtime = "python3.11": the function is deployed with Python 3.11, and verified for python3.12'
    )
    assert one.remedy == "name the same runtime there and in lambda-artifact.toml"


def test_several_files_of_one_kind_are_one_finding(tmp_path: Path) -> None:
    base = "FROM public.ecr.aws/lambda/python:3.11"

    (one,) = verdict(tmp_path, {f"{name}/Dockerfile": base for name in "abc"})

    assert one.where == "a/Dockerfile:1"
    assert one.cause == "also at b/Dockerfile:1, c/Dockerfile:1"


def test_a_file_with_several_places_is_one_finding(tmp_path: Path) -> None:
    (one,) = verdict(tmp_path, {"Dockerfile": "FROM python:3.11 AS a\nFROM python:3.10\n"})

    assert one.where == "Dockerfile:1"
    assert one.cause == "also at Dockerfile:2"


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        ({"pyproject.toml": '[tool.ruff]\ntarget-version = "py313"'}, "pyproject.toml:2"),
        ({"pyproject.toml": '[tool.black]\ntarget-version = ["py311", "py313"]'}, "pyproject.toml:2"),
        ({"pyproject.toml": '[tool.mypy]\npython_version = "3.13"'}, "pyproject.toml:2"),
        ({"ruff.toml": 'target-version = "py313"'}, "ruff.toml:1"),
        ({"mypy.ini": "[mypy]\npython_version = 3.13"}, "mypy.ini:2"),
        ({"setup.cfg": "[mypy]\npython_version = 3.13"}, "setup.cfg:2"),
    ],
)
def test_what_a_linter_takes_for_granted_may_not_be_there(tmp_path: Path, texts: dict[str, str], where: str) -> None:
    (one,) = verdict(tmp_path, texts)

    assert (one.severity, one.where) == (W, where)
    assert "names Python 3.13" in one.message


def test_what_is_left_of_an_older_python_is_noted(tmp_path: Path) -> None:
    files(tmp_path, {".git/HEAD": "", "pyproject.toml": '[tool.ruff]\ntarget-version = "py311"'})
    declared = replace(manifest(function()), path=tmp_path / "lambda-artifact.toml")

    assert list(check.body(subject(code("app/main.py"), declared=declared), Seen())) == [
        Note('named for an older Python than python3.12: pyproject.toml:2 (target-version = "py311")')
    ]


def test_what_agrees_is_noted(tmp_path: Path) -> None:
    files(tmp_path, {".git/HEAD": "", ".python-version": "3.12", "main.tf": TF.format('runtime = "python3.12"')})
    declared = replace(manifest(function()), path=tmp_path / "lambda-artifact.toml")

    assert list(check.body(subject(code("app/main.py"), declared=declared), Seen())) == [
        Note("python3.12 is named in .python-version, main.tf")
    ]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp312-none-any", True),
        ("cp39-abi3-manylinux_2_17_x86_64", True),
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py311-none-any", True),
        ("cp311.cp312-none-any", True),
        ("cp311-cp311-manylinux_2_17_x86_64", False),
        ("cp311-none-any", False),
        ("cp313-cp313t-manylinux_2_17_x86_64", False),
        ("nonsense", True),
    ],
)
def test_wheels_for_another_python(tmp_path: Path, tag: str, fits: bool) -> None:  # noqa: FBT001 - a column
    told = installed(tmp_path, wheel_tag=tag)

    assert said(told) == ([] if fits else [(W, "layer.zip!python/fastxml-1.0.dist-info/WHEEL")])
    assert fits or f"fastxml 1.0 is installed for another Python than python3.12: the wheel of fastxml is {tag}" in (
        told[0].message
    )


def test_of_one_whose_files_show_it_foreign_binaries_speaks(tmp_path: Path) -> None:
    extension = {"fastxml/_x.cpython-311-x86_64-linux-gnu.so": shared_object()}

    assert installed(tmp_path, extension, wheel_tag="cp311-cp311-manylinux_2_17_x86_64") == []


def test_where_no_import_leads_to_a_wheel_its_tag_is_nothing(tmp_path: Path) -> None:
    assert installed(tmp_path, wheel_tag="cp311-none-any", site="node_modules/@agent/vendor") == []


def installed(
    folder: Path, more: dict[str, bytes] | None = None, *, wheel_tag: str, site: str = "python"
) -> list[Finding]:
    """What is found of a layer with one distribution."""
    content: dict[str, str | bytes] = {"fastxml/__init__.py": "", **(more or {})}
    made = distribution("fastxml", "1.0", content, wheel_tag=wheel_tag)
    declared = replace(manifest(function(handler="app.handler")), path=folder / "lambda-artifact.toml")
    layer = {f"{site}/{name}": text for name, text in made.items()}
    return findings(check, program_of({"app.py": "import fastxml"}, layer, declared=declared))
