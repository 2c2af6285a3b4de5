from __future__ import annotations

import pytest

from harness.facts.files.secrets import LONGEST, Secret, secrets

BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" + "x" * 12
KEY = f"-----BEGIN PRIVATE KEY-----\n{BASE64}\n-----END PRIVATE KEY-----\n"
ID = "AKIA" + "Z7J2QX5M3VKTB4RW"
SECRET = "k3Vd9/qLr0ZtXw8+PbN1mYc5HsJ7uGfE2aQoTi6B"  # noqa: S105 - made up

HELD = [
    ("key.pem", KEY, "a private key", 1),
    ("id_rsa", KEY.replace("PRIVATE", "OPENSSH PRIVATE"), "a private key", 1),
    ("both.pem", f"# server\n\n{KEY.replace('PRIVATE', 'RSA PRIVATE')}", "a private key", 3),
    ("key.pem", KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), "a private key", 1),
    ("old.pem", KEY.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "a private key", 1),
    ("key.pem", KEY.replace("\n", "\r\n"), "a private key", 1),
    ("account.json", '{\n "private_key": "' + KEY.replace("\n", "\\n") + '"\n}', "a private key", 2),
    ("app/config.py", f'KEY = """{KEY}"""\n', "a private key", 1),
    ("app/config.py", f'ID = "{ID}"\nSECRET = "{SECRET}"\n', "an AWS access key with its secret", 1),
    ("notes.txt", f"x\n\n{SECRET}\n{ID}", "an AWS access key with its secret", 4),
    (".env", "# local\nDATABASE_PASSWORD=x\n", "variables of an environment", 2),
    ("app/.env.production", "export A_B='x'\n", "variables of an environment", 1),
    (".npmrc", "registry=https://registry.example/\n//registry.example/:_authToken=abc\n", "a registry's token", 2),
    (".pypirc", "[pypi]\nusername = u\npassword = p\n", "a registry's password", 3),
    (".netrc", "machine example.com login u password p\n", "a password", 1),
    (".aws/credentials", "[default]\naws_secret_access_key = x\n", "AWS credentials", 2),
    (
        "infra/terraform.tfstate",
        '{"version": 4, "terraform_version": "1.9.0"}',
        "the state of Terraform, with every secret that it manages",
        1,
    ),
]


@pytest.mark.parametrize(("name", "text", "kind", "line"), HELD, ids=[row[0] + " " + row[2] for row in HELD])
def test_a_secret_is_told_by_its_form(name: str, text: str, kind: str, line: int) -> None:
    assert Secret(kind, line) in secrets(name, text.encode())


NONE = [
    ("cacert.pem", "-----BEGIN CERTIFICATE-----\n" + BASE64 + "\n-----END CERTIFICATE-----\n"),
    ("public.pem", KEY.replace("PRIVATE", "PUBLIC")),
    ("reader.py", 'START = b"-----BEGIN PRIVATE KEY-----"\n'),
    ("reader.py", 'if text.startswith("-----BEGIN RSA PRIVATE KEY-----\\n"):\n    return decode(text)\n'),
    ("docs.md", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
    ("docs.md", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("docs.md", f"{ID} wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("config.py", f'ID = "{ID}"\n'),
    ("config.py", f'ID = "{ID}"\nSHA1 = "{"0123456789abcdef" * 2}01234567"\n'),
    ("config.py", f'ID = "{ID}"\n' + "x\n" * 400 + SECRET),
    ("data.txt", f"X{ID}X {SECRET}"),
    (".env", ""),
    (".env", "# nothing yet\n"),
    (".env", "EMPTY=\n"),
    (".env.example", "PASSWORD=change-me\n"),
    (".env.template", "PASSWORD=change-me\n"),
    ("environment.py", "PASSWORD = 1\n"),
    (".npmrc", "//registry.example/:_authToken=${NPM_TOKEN}\n"),
    (".npmrc", "save-exact=true\n"),
    (".pypirc", "[distutils]\nindex-servers = pypi\n"),
    ("model.bin", bytes(range(256)).decode("latin-1")),
]


@pytest.mark.parametrize(("name", "text"), NONE)
def test_what_only_looks_like_one_is_none(name: str, text: str) -> None:
    assert secrets(name, text.encode()) == ()


def test_the_secret_itself_is_not_kept() -> None:
    assert BASE64 not in repr(secrets("key.pem", KEY.encode()))


def test_what_is_large_is_no_configuration() -> None:
    assert secrets("dump.sql", KEY.encode() + bytes(LONGEST)) == ()
