from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements

from harness.dependencies.declared.requirements import read_requirements
from harness.dependencies.project import MAIN, BuildInput, MalformedFileError, Unnamed

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "fixtures" / "sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "sha256:" + "0a" * 32


def read(folder: Path, text: str, **others: str) -> BuildInput:
    for other, content in others.items():
        (folder / f"{other}.txt").write_text(content)
    (folder / "requirements.txt").write_text(text)
    return read_requirements([folder / "requirements.txt"], folder)


def refused(folder: Path, text: str, **others: str) -> list[str]:
    with pytest.raises(MalformedFileError) as caught:
        read(folder, text, **others)
    return str(caught.value).split("\n")


NAMED = {
    "a pin": ("requests==2.31.0\n", "requests==2.31.0", "requests==2.31.0"),
    "a specifier": ("Zope.Interface >=5, <7\n", "Zope.Interface<7,>=5", "Zope.Interface >=5, <7"),
    "a name": ("requests", "requests", "requests"),
    "extras": ("a[x, y]~=1.2", "a[x,y]~=1.2", "a[x, y]~=1.2"),
    "in brackets": ("a (>=1,<2)", "a<2,>=1", "a (>=1,<2)"),
    "a condition": ('a==1 ; python_version < "3.9"', 'a==1; python_version < "3.9"', 'a==1 ; python_version < "3.9"'),
    "a condition after a semicolon alone": ("a;os_name=='nt'", 'a; os_name == "nt"', "a;os_name=='nt'"),
    "a comment behind": ("a==1  # why", "a==1", "a==1"),
    "tabs and spaces": ("  a \t ==1  ", "a==1", "a ==1"),
    "a continued line": ("a==1 \\\n  ; os_name == 'nt'\n", 'a==1; os_name == "nt"', "a==1 ; os_name == 'nt'"),
    "hashes": (f"a==1 --hash={HASH} --hash {HASH}", "a==1", "a==1"),
    "hashes on lines of their own": (
        f"a==1 \\\n    --hash={HASH} \\\n    --hash={HASH}\n    # via b\n",
        "a==1",
        "a==1",
    ),
    "settings of the build": ("a==1 --config-settings=x=y", "a==1", "a==1"),
    "a repository": (
        f"a @ git+https://x.example/a@{COMMIT}",
        f"a @ git+https://x.example/a@{COMMIT}",
        f"a @ git+https://x.example/a@{COMMIT}",
    ),
    "a repository under a condition": (
        "a[x] @ git+https://x.example/a@main ; os_name == 'nt'",
        'a[x] @ git+https://x.example/a@main ; os_name == "nt"',
        "a[x] @ git+https://x.example/a@main ; os_name == 'nt'",
    ),
    "a repository with its name behind": (
        "git+https://x.example/a@main#egg=a&subdirectory=y",
        "a @ git+https://x.example/a@main#egg=a&subdirectory=y",
        "git+https://x.example/a@main#egg=a&subdirectory=y",
    ),
    "extras behind, as long as pip took them": (
        "git+https://x.example/a@main#egg=a[x]",
        "a[x] @ git+https://x.example/a@main#egg=a[x]",
        "git+https://x.example/a@main#egg=a[x]",
    ),
    "a wheel somewhere": (
        "https://x.example/w/A_b-1.2-py3-none-any.whl",
        "A-b==1.2",
        "https://x.example/w/A_b-1.2-py3-none-any.whl",
    ),
    "a wheel somewhere with its name": (
        "A.b @ https://x.example/a_b-1.2%2Bcpu-py3-none-any.whl",
        "A.b==1.2+cpu",
        "A.b @ https://x.example/a_b-1.2%2Bcpu-py3-none-any.whl",
    ),
    "a wheel here": (
        "./wheels/a-1.2-1-cp312-abi3-linux_x86_64.whl ; os_name == 'posix'",
        'a==1.2; os_name == "posix"',
        "./wheels/a-1.2-1-cp312-abi3-linux_x86_64.whl ; os_name == 'posix'",
    ),
    "a wheel here with extras": ("./a-1.2-py3-none-any.whl[x]", "a[x]==1.2", "./a-1.2-py3-none-any.whl[x]"),
    "a wheel right here": ("a-1.2-py3-none-any.whl", "a==1.2", "a-1.2-py3-none-any.whl"),
    "a source archive": ("./a-1.2.tar.gz", "a==1.2", "./a-1.2.tar.gz"),
    "a folder with its name": ("a @ ./lib", "a @ ./lib", "a @ ./lib"),
    "a password from the environment": (
        "a @ https://${TOKEN}@x.example/a.zip",
        "a @ https://${TOKEN}@x.example/a.zip",
        "a @ https://${TOKEN}@x.example/a.zip",
    ),
    "a version from the environment": ("a[x]==${VERSION}", "a[x]", "a[x]==${VERSION}"),
    "a link to sources with its name": ("-e git+https://x.example/a#egg=a", "a @ git+https://x.example/a#egg=a", None),
    "a link to sources with its name before": ("-e 'a @ git+https://x.example/a'", "a @ git+https://x.example/a", None),
}
# Of an archive without a name before it, only what is in it tells pip; the others are read by some releases alone.
NOT_OF_PIP = {
    "a source archive",
    "a folder with its name",
    "a version from the environment",
    "a link to sources with its name before",
    "extras behind, as long as pip took them",
}


@pytest.mark.parametrize("case", NAMED)
def test_what_a_line_asks_for(case: str, tmp_path: Path) -> None:
    text, expected, quoted = NAMED[case]

    (one,) = read(tmp_path, text).asked

    assert str(one.requirement) == expected
    assert Requirement(expected) == one.requirement
    assert one.name == canonicalize_name(one.requirement.name)
    assert (one.where, one.group) == ("requirements.txt:1", MAIN)
    assert quoted is None or one.text == quoted


def of_pip(path: Path) -> list[tuple[str, set[str], str, str]]:
    """What pip itself reads in a file: names, extras, specifiers and conditions."""
    found: list[tuple[str, set[str], str, str]] = []
    for line in parse_requirements(str(path), PipSession()):
        one = install_req_from_parsed_requirement(line)
        if one.req is not None:
            found.append((canonicalize_name(one.req.name), set(one.extras), str(one.req.specifier), str(one.markers)))
    return found


@pytest.mark.parametrize("case", [case for case in NAMED if case not in NOT_OF_PIP])
def test_pip_reads_the_same(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _, _ = NAMED[case]
    monkeypatch.chdir(tmp_path)  # pip takes a file's name for one only where it is
    (tmp_path / "wheels").mkdir()
    for name in ("wheels/a-1.2-1-cp312-abi3-linux_x86_64.whl", "a-1.2-py3-none-any.whl", "a-1.2.tar.gz"):
        (tmp_path / name).touch()
    asked = read(tmp_path, text).asked

    pips = of_pip(tmp_path / "requirements.txt")

    (one,) = asked
    # Of a wheel with a name before it, pip leaves the version to the wheel.
    specifier = "" if " @ " in text else str(one.requirement.specifier)
    assert pips == [(one.name, one.requirement.extras, specifier, str(one.requirement.marker))]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.lock"])
def test_pip_reads_the_same_in_the_sample(name: str) -> None:
    asked = read_requirements([SAMPLE / name], SAMPLE).asked

    assert [
        (one.name, one.requirement.extras, str(one.requirement.specifier), str(one.requirement.marker)) for one in asked
    ] == (of_pip(SAMPLE / name))


UNNAMED = {
    "a folder": ("./lib", Unnamed("./lib", "requirements.txt:1")),
    "a folder above": (
        "../lib[x] ; os_name == 'posix'",
        Unnamed("../lib[x] ; os_name == 'posix'", "requirements.txt:1"),
    ),
    "a link to the project": ("-e .", Unnamed("-e .", "requirements.txt:1", editable=True)),
    "a link to a folder": ("--editable=./lib[x]", Unnamed("-e ./lib[x]", "requirements.txt:1", editable=True)),
    "a link to a repository": (
        "-e git+https://x.example/a",
        Unnamed("-e git+https://x.example/a", "requirements.txt:1", editable=True),
    ),
    "a repository": ("git+https://x.example/a@main", Unnamed("git+https://x.example/a@main", "requirements.txt:1")),
    "a snapshot of a repository": (
        "https://x.example/a/archive/v-1.2.tar.gz",
        Unnamed("https://x.example/a/archive/v-1.2.tar.gz", "requirements.txt:1"),
    ),
    "a file that lies elsewhere": (
        "-r https://x.example/a.txt",
        Unnamed("-r https://x.example/a.txt", "requirements.txt:1"),
    ),
    "constraints that lie elsewhere": (
        "--constraint https://x.example/a.txt",
        Unnamed("-c https://x.example/a.txt", "requirements.txt:1"),
    ),
    "a file that the environment names": ("-r ${KIND}.txt", Unnamed("-r ${KIND}.txt", "requirements.txt:1")),
    "what the environment names": ("${ALL}", Unnamed("${ALL}", "requirements.txt:1")),
}


@pytest.mark.parametrize("case", UNNAMED)
def test_what_says_no_name(case: str, tmp_path: Path) -> None:
    text, expected = UNNAMED[case]
    found = read(tmp_path, text)

    assert (found.asked, found.unnamed) == ((), (expected,))


@pytest.mark.parametrize(
    "line",
    [
        *("", "# a comment", "   # a comment \\", "--index-url https://x.example/simple"),
        "-i https://x.example/simple",
        "--extra-index-url=https://${USER}:${PASSWORD}@x.example",
        *("--only-binary :all:", "--only-binary=:all: --no-binary=a", "--pre", "--require-hashes"),
        *("--find-links ./wheels", "--trusted-host x.example", "--use-feature=fast-deps"),
        "--an-option-of-years-to-come=x",
    ],
)
def test_what_asks_for_nothing(line: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"{line}\na==1\n")

    assert ([one.text for one in found.asked], found.unnamed) == (["a==1"], ())


@pytest.mark.parametrize(
    ("line", "hashed", "editable", "fixed"),
    [
        ("a==1", False, False, False),
        (f"a==1 --hash={HASH}", True, False, False),
        (f"a==1 --hash {HASH}", True, False, False),
        ("a==1 --config-settings=--hash=x", False, False, False),
        (f"a @ https://x.example/a.zip --hash={HASH}", True, False, True),
        ("a @ https://x.example/a.zip#sha256=0a", False, False, True),
        ("a @ https://x.example/a.zip", False, False, False),
        (f"a @ git+https://x.example/a@{COMMIT}#subdirectory=x", False, False, True),
        ("a @ git+https://x.example/a@main", False, False, False),
        (f"a @ git+https://x.example/a@{COMMIT[:8]}", False, False, False),
        (f"-e git+https://x.example/a@{COMMIT}#egg=a", False, True, True),
        ("./a-1-py3-none-any.whl", False, False, False),
    ],
)
def test_what_binds_a_line(line: str, hashed: object, editable: object, fixed: object, tmp_path: Path) -> None:
    (one,) = read(tmp_path, line).asked

    assert (one.hashed, one.editable, one.fixed) == (hashed, editable, fixed)


def test_a_wheel_s_version_is_a_pin(tmp_path: Path) -> None:
    found = read(tmp_path, "./a-1.2-py3-none-any.whl\nb @ https://x.example/b-1.3-py3-none-any.whl\n").asked

    assert [one.version for one in found] == ["1.2", "1.3"]


def test_lines_have_the_numbers_that_they_begin_on(tmp_path: Path) -> None:
    text = f"# top\n\na==1 \\\n  --hash={HASH}\n\nb==2\n# c==3\nd==4"

    assert [one.where for one in read(tmp_path, text).asked] == [f"requirements.txt:{line}" for line in (3, 6, 8)]


def test_files_that_are_included(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.txt").write_text("c\n-r ../base.txt\n")
    text = f"-r base.txt\n-c limits.txt\nb\n--requirement=sub/deep.txt\n-r file://{tmp_path}/last.txt\n"
    found = read(tmp_path, text, base="a\n", limits="a<2\nx==1\n-c more.txt\n", more="y\n", last="d\n")

    assert [one.where for one in found.asked] == ["base.txt:1", "requirements.txt:3", "sub/deep.txt:1", "last.txt:1"]
    assert [one.where for one in found.constraints] == ["limits.txt:1", "limits.txt:2", "more.txt:1"]
    names = ["requirements.txt", "base.txt", "limits.txt", "more.txt", "sub/deep.txt", "last.txt"]
    assert found.files == tuple(tmp_path / name for name in names)
    assert found.shown == ("requirements.txt",)


def test_files_that_include_one_another_are_read_once(tmp_path: Path) -> None:
    found = read(tmp_path, "-r ./base.txt\n-r requirements.txt\na\n", base="-r requirements.txt\nb\n")

    assert [one.text for one in found.asked] == ["b", "a"]


def test_one_file_for_requirements_and_constraints(tmp_path: Path) -> None:
    found = read(tmp_path, "-c base.txt\n-r base.txt\n", base="a==1\n")

    assert [one.text for one in (*found.asked, *found.constraints)] == ["a==1", "a==1"]
    assert found.files == (tmp_path / "requirements.txt", tmp_path / "base.txt")


def test_constraints_say_nothing_of_what_has_no_name(tmp_path: Path) -> None:
    assert read(tmp_path, "-c limits.txt\n", limits="./lib\n-e .\n").unnamed == ()


def test_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n-r b.txt\n")
    (tmp_path / "b.txt").write_text("b\n")

    found = read_requirements([tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path)

    assert [one.where for one in found.asked] == ["a.txt:1", "b.txt:1"]
    assert found.shown == ("a.txt", "b.txt")


def test_no_files() -> None:
    assert read_requirements([], Path()) == BuildInput()


EXPECTED = "expected a requirement such as name==1.2, found"
MALFORMED = {
    "one sign": ("a = 1.2", "'a = 1.2'"),
    "two names": ("a b", "'a b'"),
    "no name": ("==1.2", "'==1.2'"),
    "a version that is none": ("a==one two", "'a==one two'"),
    "a specifier that was one once": ("a>=1.*", "'a>=1.*'"),
    "a condition that is none": ("a ; python < 3", "'a ; python < 3'"),
    "a wheel that is none": ("./a.whl", "'./a.whl'"),
    "an option that no pip has": ("-q", "'-q'"),
    "a dash": ("- a", "'- a'"),
    "options that are none": ("a==1 -- b", "'a==1 -- b'"),
    "an option without its value": ("--requirement", "'--requirement'"),
    "a quotation without an end": ("--index-url 'x", '"--index-url \'x"'),
    "another format": ("dependencies:", "'dependencies:'"),
    "a mark": ("@", "'@'"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_line_that_is_no_requirement(case: str, tmp_path: Path) -> None:
    line, found = MALFORMED[case]

    assert refused(tmp_path, f"x==1\n{line}\ny==2\n") == [f"requirements.txt:2: {EXPECTED} {found}"]


def test_all_lines_of_all_files_that_are_none(tmp_path: Path) -> None:
    assert refused(tmp_path, "a = 1\n-r base.txt\n-r gone.txt\nb\n", base="\nc d\n") == [
        f"requirements.txt:1: {EXPECTED} 'a = 1'",
        f"base.txt:2: {EXPECTED} 'c d'",
        "requirements.txt:3: includes gone.txt: cannot be read: No such file or directory",
    ]


def test_a_merge_conflict_is_called_that(tmp_path: Path) -> None:
    text = "a==1\n<<<<<<< HEAD\nb==1\n=======\nb==2\n>>>>>>> main\n"

    assert refused(tmp_path, text) == [
        "requirements.txt:2: unresolved merge conflict: expected one version, without git's marks"
    ]


def test_of_very_many_the_first(tmp_path: Path) -> None:
    found = refused(tmp_path, "a b\n" * 30)

    assert len(found) == 21
    assert found[-1] == "… and 10 more"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MalformedFileError, match=r"^gone\.txt: cannot be read: No such file or directory$"):
        read_requirements([tmp_path / "gone.txt"], tmp_path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    said = "requirements.txt:1: includes .: cannot be read: it is a folder, where a file is expected"
    assert refused(tmp_path, "-r .\n") == [said]


@pytest.mark.parametrize(
    "content",
    [
        b"a==1\r\nb==2\r\n",
        b"\xef\xbb\xbfa==1\nb==2\n",
        "a==1\r\nb==2\r\n".encode("utf-16"),
        "a==1\nb==2\n".encode("utf-32"),
        b"\xfe\xff" + "a==1\nb==2\n".encode("utf-16-be"),
        b"# -*- coding: latin-1 -*-  \xe9\na==1\nb==2\n",
        b"# vim: set fileencoding=utf-8 :\na==1\nb==2\n",
    ],
)
def test_encodings(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(content)

    found = read_requirements([tmp_path / "requirements.txt"], tmp_path).asked

    assert [one.requirement for one in found] == [Requirement("a==1"), Requirement("b==2")]
    assert [one[0] for one in of_pip(tmp_path / "requirements.txt")] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a==1 # \xe9\n", "requirements.txt: expected text in UTF-8; byte 7 is none"),
        (b"# coding: klingon\n", "requirements.txt: expected text in klingon, which it claims to be in"),
        (b"\xff\xfea", "requirements.txt: expected text in utf-16, which it claims to be in"),
    ],
)
def test_text_that_is_none(content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(content)

    with pytest.raises(MalformedFileError) as caught:
        read_requirements([tmp_path / "requirements.txt"], tmp_path)

    assert str(caught.value) == expected


def test_the_environment_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")

    (one,) = read(tmp_path, "a @ https://${SECRET}@x.example/a.zip\n").asked

    assert one.requirement.url == "https://${SECRET}@x.example/a.zip"


def test_the_sample() -> None:
    loose = read_requirements([SAMPLE / "requirements.txt"], SAMPLE)
    locked = read_requirements([SAMPLE / "requirements.lock"], SAMPLE)

    assert len(loose.asked) == 18
    assert all(one.version and not one.hashed for one in loose.asked)
    assert all(one.version and one.hashed for one in locked.asked)
    assert {one.name for one in loose.asked} < {one.name for one in locked.asked}


def test_the_parser_is_loaded_where_a_file_is_read() -> None:
    code = (
        "import sys, pathlib; from harness.dependencies.declared.requirements import read_requirements; "
        "read_requirements([], pathlib.Path()); print('pip_requirements_parser' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)

    assert done.stdout == "False\n"


TEXTS = tuple(
    f"{line}\n"
    for line in (
        *(text for text, *_ in (*NAMED.values(), *UNNAMED.values(), *MALFORMED.values())),
        "--only-binary=:all:\n-r base.txt\n-c base.txt",
    )
)
SCRAPS = (
    *("#", "\\", "\n", " ", "-", "--", "-e ", "-r ", "@", ";", "[", "]", "'", '"', "${X}", "é", "\x00", "\x0c"),
    *("://", "==", ".."),
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    text = "".join(draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(SCRAPS)) + text[start + draw(st.integers(0, 5)) :]
    return text


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "base.txt").write_text("a==1\n")
    return folder


@given(text=mutations())
@example(text="-r " + "x" * 5000)
@example(text="http://[a\n-e http://[a\n-r file://[a\n")
@settings(max_examples=500)
def test_whatever_a_file_says_it_is_read_or_refused(workshop: Path, text: str) -> None:
    (workshop / "requirements.txt").write_text(text)
    try:
        found = read_requirements([workshop / "requirements.txt"], workshop)
    except MalformedFileError as error:
        places = str(error).split("\n")
    else:
        places = [one.where for one in (*found.asked, *found.constraints)] + [one.where for one in found.unnamed]

    assert all(place.startswith(("requirements.txt:", "base.txt:", "… and ")) for place in places)
