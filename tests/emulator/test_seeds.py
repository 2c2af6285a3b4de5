"""What a seed file may say, what the manifest says of it, and what is said where either is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.manifest import ManifestError, Options, load, seeds
from harness.manifest.seed_tables import MOST
from harness.manifest.seeds import Held, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.manifest.seeds import Seed

ROOT = Path(__file__).parents[2]


def test_everything(sown: Callable[[str], Seed], tmp_path: Path) -> None:
    (tmp_path / "label.pdf").write_bytes(b"%PDF")
    seed = sown("""
        [[buckets]]
        name = "desk"
        objects = [
            { key = "as/it/stands/{number}", text = "{number}" },
            { key = "{number:03}/{number}.pdf", prefix = "labels/", first = 9, count = 2, text = "no. {number}" },
            { key = "file", file = "label.pdf" },
            { key = "empty" },
        ]
        [[queues]]
        name = "work"
        messages = [{ text = '{"number": {number}}', count = 2 }, { file = "label.pdf" }]
        [[queues]]
        name = "work.fifo"
        messages = [{ text = "one", group = "a" }]
        [[secrets]]
        name = "desk/database"
        text = "hush"
        [[parameters]]
        name = "/desk/token"
        file = "label.pdf"
        secure = true
        [[tables]]
        name = "desks"
        key = "id"
        items = [{ id = 1, open = true, names = ["a", { b = 1.5 }] }]
        [[keys]]
        alias = "alias/desk"
        [[topics]]
        name = "news"
        [[event-buses]]
        name = "bus"
        """)

    file = tmp_path / "label.pdf"
    assert dict(seed.buckets) == {
        "desk": (
            Held("as/it/stands/{number}", "{number}", None),
            Held("labels/009/9.pdf", "no. 9", None),
            Held("labels/010/10.pdf", "no. 10", None),
            Held("file", "", file),
            Held("empty", "", None),
        )
    }
    assert dict(seed.queues) == {
        "work": (Held("", '{"number": 1}', None), Held("", '{"number": 2}', None), Held("", "", file)),
        "work.fifo": (Held("a", "one", None),),
    }
    assert seed.secrets == (Held("desk/database", "hush", None),)
    assert (seed.parameters, seed.secure) == ((Held("/desk/token", "", file),), ("/desk/token",))
    item = {"id": {"N": "1"}, "open": {"BOOL": True}, "names": {"L": [{"S": "a"}, {"M": {"b": {"N": "1.5"}}}]}}
    assert seed.tables == (Table("desks", ("id",), (json.dumps(item),)),)
    assert (seed.keys, seed.topics, seed.event_buses) == (("alias/desk",), ("news",), ("bus",))


def test_json_says_the_same(sown: Callable[[str], Seed], tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"buckets": [{"name": "desk", "objects": [{"key": "{number}", "count": 3}]}]}), "utf-8")

    same = sown('[[buckets]]\nname = "desk"\nobjects = [{ key = "{number}", count = 3 }]')

    assert seeds.read("seed.json", path).buckets == same.buckets


DESK = '[[buckets]]\nname = "desk"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("buckets = 1", "`buckets`: expected a list, found 1"),
        ("[[bucket]]\nname = 'desk'", "`bucket`: unknown key; did you mean `buckets`?"),
        ("[[buckets]]\nobject = []", "`buckets[0].object`: unknown key; did you mean `objects`?"),
        ("[[buckets]]", "`buckets[0]`: `name` is missing"),
        (
            "[[buckets]]\nname = 'Desk'",
            '.name`: expected a bucket\'s name (3 to 63 small letters, digits, dots and hyphens), found "Desk"',
        ),
        (DESK + DESK, "`buckets`: desk is there twice"),
        (DESK + "objects = [{ key = 'a' }, { key = 'a' }]", "`buckets[0].objects`: a is there twice"),
        (DESK + "objects = [{ key = '' }]", '.key`: expected a string that is not empty, found ""'),
        (DESK + "objects = [{ key = 'a', text = 'b', file = 'c' }]", "`text` or `file`, not both"),
        (DESK + "objects = [{ key = 'a', file = 'c' }]", "c is not there"),
        (DESK + "objects = [{ key = 'a', file = '.' }]", " is not a file"),
        (DESK + "objects = [{ key = 'a', count = 2 }]", "with `count`, every key needs its number: {number}"),
        (DESK + "objects = [{ key = '{number}', count = 0 }]", ".count`: expected a whole number from 1 to 100,000"),
        (DESK + f"objects = [{{ key = '{'k' * 1025}' }}]", "a key has at most 1,024 bytes"),
        (
            DESK + "objects = [{ key = 'a{number}', count = 60000 }, { key = 'b{number}', count = 60000 }]",
            f"it holds more than {MOST:,} objects and messages",
        ),
        ("[[queues]]\nname = 'a b'", "`queues[0].name`: expected a queue's name"),
        ("[[queues]]\nname = 'q'\nmessages = [{}]", "a message has a `text` or a `file`"),
        ("[[queues]]\nname = 'q'\nmessages = [{ text = 'a', group = 'g' }]", "a message of a FIFO queue has a `group`"),
        ("[[queues]]\nname = 'q.fifo'\nmessages = [{ text = 'a' }]", "a message of a FIFO queue has a `group`"),
        ("[[secrets]]\nname = 's'", "a secret has a `text` or a `file`"),
        ("[[parameters]]\nname = 's'", "a parameter has a `text` or a `file`"),
        ("[[tables]]\nname = 'abc'\nkey = 'id'\nitems = [{ at = 1 }]", "an item has its table's keys"),
        ("[[keys]]\nalias = 'desk'", ".alias`: expected a key's alias (alias/ and letters, digits and any of /_-)"),
        ("[[topics]]\nname = 'a b'", ".name`: expected a name (to 256 letters, digits, underscores and hyphens)"),
        ("[[secrets]\nname = 's'", "not TOML: "),
    ],
)
def test_what_is_wrong_is_said(sown: Callable[[str], Seed], text: str, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        sown(text)

    assert said in str(caught.value)


def test_with_the_line(sown: Callable[[str], Seed], tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        sown(f"{DESK}\n[[buckets.objects]]\nkye = 'a'\n")

    assert caught.value.problems[0].startswith(f"{tmp_path / 'seed.toml'}:5: `buckets[0].objects[0].kye`: unknown key")


MANIFEST = """
code = "code"
[functions.cleanup]
handler = "cleanup.handler"
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "code").mkdir()
    (tmp_path / "seed.toml").write_text(DESK, "utf-8")

    def manifest(more: str) -> Path:
        path = tmp_path / "lambda-artifact.toml"
        path.write_text(MANIFEST + more, "utf-8")
        return path

    return manifest


def test_a_function_names_its_seed(manifest: Callable[[str], Path], tmp_path: Path) -> None:
    (function,) = load(manifest('aws-seed = "seed.toml"'), runtimes=["python3.12"]).functions

    assert function.seed == seeds.read("seed.toml", tmp_path / "seed.toml")


def test_without_one_it_has_none(manifest: Callable[[str], Path]) -> None:
    (function,) = load(manifest(""), runtimes=["python3.12"]).functions

    assert function.seed is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('aws-sed = "seed.toml"', "`functions.cleanup.aws-sed`: unknown key; did you mean `aws-seed`?"),
        ('seed = "seed.toml"', "`functions.cleanup.seed`: unknown key; did you mean `aws-seed`?"),
        ('aws-seed = "sed.toml"', "sed.toml does not exist"),
        ('aws-seed = "code"', "code cannot be read: it is a folder, where a file is expected"),
        (
            'aws-seed = "seed.toml"\nenvironment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }',
            "aws-seed`: the function declares AWS_ENDPOINT_URL, which would lead past the emulator: leave one of them",
        ),
        ('aws-seed = "seed.toml"\nenvironment = { AWS_ENDPOINT_URL_SQS = "x" }', "declares AWS_ENDPOINT_URL_SQS"),
    ],
)
def test_what_is_wrong_in_the_manifest(manifest: Callable[[str], Path], more: str, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load(manifest(more), runtimes=["python3.12"])

    assert said in str(caught.value)


def test_an_endpoint_of_the_command_line_is_refused_too(manifest: Callable[[str], Path]) -> None:
    options = Options(env=("AWS_ENDPOINT_URL=http://127.0.0.1:4566",))

    with pytest.raises(ManifestError, match="declares AWS_ENDPOINT_URL"):
        load(manifest('aws-seed = "seed.toml"'), options, runtimes=["python3.12"])


def test_without_a_seed_it_is_the_functions_own_business(manifest: Callable[[str], Path]) -> None:
    path = manifest('environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }')

    assert load(path, runtimes=["python3.12"]).functions[0].environment


def test_the_seed_that_the_documentation_shows(sown: Callable[[str], Seed]) -> None:
    page = (ROOT / "docs" / "emulator.md").read_text("utf-8")
    text = page.partition("<!-- a seed -->\n```toml\n")[2].partition("```")[0]

    seed = sown(text)

    ((_, objects),) = seed.buckets
    assert [one.name for one in (objects[0], objects[1], objects[-1])] == [
        "readme.txt",
        "labels/000001.pdf",
        "labels/001000.pdf",
    ]
    assert [message.text for message in dict(seed.queues)["parcel-desk-work"]][-1] == '{"shipment": 3}'
    assert [secret.name for secret in seed.secrets] == ["parcel-desk/database"]
