from __future__ import annotations

import ast

import pytest

from harness.facts.python.paths import FILE, HOME, Evaluator, Location, Value

IMPORTS = {
    "os": "os",
    "osp": "os.path",
    "join": "os.path.join",
    "Path": "pathlib.Path",
    "pathlib": "pathlib",
    "tempfile": "tempfile",
    "files": "importlib.resources.files",
    "BASE": "app.config.BASE",
    "config": "app.config",
    "app": "app",
    "sibling": ".sibling",
    "ROOT": ".config.ROOT",
}
SCOPE: dict[str, Value | None] = {"HERE": Location(FILE, ".."), "NAME": "x.json", "unknown": None}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a'", "a"),
        ("'a' + 'b'", "ab"),
        ("f'{NAME}.bak'", "x.json.bak"),
        ("__file__", Location(FILE, "")),
        ("Path(__file__)", Location(FILE, "")),
        ("Path(__file__).parent", Location(FILE, "..")),
        ("Path(__file__).parent.parent", Location(FILE, "../..")),
        ("Path(__file__).resolve().parents[1]", Location(FILE, "../..")),
        ("Path(__file__).parent / 'a' / 'b.txt'", Location(FILE, "../a/b.txt")),
        ("(Path(__file__).parent / 'a' / 'b.txt').parent", Location(FILE, "../a")),
        ("HERE / NAME", Location(FILE, "../x.json")),
        ("HERE / '/tmp/x'", Location("", "/tmp/x")),
        ("osp.join(osp.dirname(osp.abspath(__file__)), 'a', NAME)", Location(FILE, "../a/x.json")),
        ("join(HERE, '/opt/a')", Location("", "/opt/a")),
        ("f'{HERE}/a'", Location(FILE, "../a")),
        ("str(HERE) + '/a'", Location(FILE, "../a")),
        ("HERE.joinpath('a').with_name('b')", Location(FILE, "../b")),
        ("(HERE / 'a.ini').with_suffix('.toml')", Location(FILE, "../a.toml")),
        ("Path('a', 'b')", Location("", "a/b")),
        ("Path.cwd()", "/var/task"),
        ("os.environ['LAMBDA_TASK_ROOT']", "/var/task"),
        ("os.environ.get('LAMBDA_TASK_ROOT', '.')", "/var/task"),
        ("osp.expanduser('~/a')", Location("", f"{HOME}/a")),
        ("Path('~').expanduser()", Location("", f"{HOME}/")),
        ("Path.home() / 'a'", Location("", f"{HOME}/a")),
        ("osp.join(tempfile.gettempdir(), 'a')", Location("", "/tmp/a")),
        ("files('app') / 'a'", Location("package:app", "a")),
        ("files(app) / 'a'", Location("package:app", "a")),
        ("files(config) / 'a'", Location("package:app.config", "a")),
        ("files(__package__)", Location(FILE, "..")),
        ("files()", Location(FILE, "..")),
        ("BASE / 'a'", Location("name:app.config:BASE", "a")),
        ("config.BASE / 'a'", Location("name:app.config:BASE", "a")),
        ("ROOT.parent", Location("name:.config:ROOT", "..")),
        # Only the run time tells:
        ("unknown", None),
        ("nowhere", None),
        ("HERE / unknown", None),
        ("HERE / nowhere()", None),
        ("BASE / BASE", None),
        ("f'{HERE}x'", None),
        ("f'{NAME!r}'", None),
        ("f'{NAME:>10}'", None),
        ("os.environ['STAGE']", None),
        ("os.environ.get('STAGE', 'a')", None),
        ("Path(*parts)", None),
        ("Path(__file__).parents[n]", None),
        ("Path(__file__).name", None),
        ("config.base", None),
        ("HERE.with_suffix('.x')", None),
        ("1 / 2", None),
        ("'a' if x else 'b'", None),
    ],
)
def test_an_expression_is_a_path_as_far_as_its_text_tells(expression: str, value: Value | None) -> None:
    assert Evaluator(IMPORTS).value(ast.parse(expression, mode="eval").body, SCOPE) == value


@pytest.mark.parametrize("expression", ["+".join(["'a'"] * 500), "'" + "a" * 5000 + "'", "/".join(["HERE"] * 300)])
def test_an_endless_one_is_none(expression: str) -> None:
    assert Evaluator(IMPORTS).value(ast.parse(expression, mode="eval").body, SCOPE) is None
