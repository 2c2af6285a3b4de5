"""Which distribution is known to have a module of another name."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from harness.policy import stdlib
from harness.policy.providers import _table, modules, providers

# Each of these is what people ask a search engine.
FAMOUS = {
    "yaml": "pyyaml",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "bs4": "beautifulsoup4",
    "jwt": "pyjwt",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "psycopg2": "psycopg2-binary",
    "Crypto": "pycryptodome",
    "attr": "attrs",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "google.protobuf": "protobuf",
    "google.protobuf.json_format": "protobuf",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.storage.blob": "google-cloud-storage",
    "google.auth": "google-auth",
    "markdown_it": "markdown-it-py",
    "serial": "pyserial",
    "docx": "python-docx",
    "magic": "python-magic",
    "git": "gitpython",
    "jose": "python-jose",
    "ruamel.yaml": "ruamel-yaml",
    "OpenSSL": "pyopenssl",
    "zmq": "pyzmq",
    "grpc": "grpcio",
    "_cffi_backend": "cffi",
    "slack": "slackclient",
    "telegram": "python-telegram-bot",
    "MySQLdb": "mysqlclient",
    "fitz": "pymupdf",
    "win32api": "pywin32",
    "google.type.latlng_pb2": "googleapis-common-protos",
    "nacl": "pynacl",
    "faiss": "faiss-cpu",
}


@pytest.mark.parametrize(("module", "distribution"), FAMOUS.items())
def test_famous_names(module: str, distribution: str) -> None:
    assert distribution in providers(module)


@pytest.mark.parametrize("module", ["requests", "numpy.linalg", "os", "no_such_module_anywhere", "google", "azure", ""])
def test_a_module_without_another_name_has_no_row(module: str) -> None:
    assert providers(module) == ()


def test_the_reverse() -> None:
    assert "PIL" in modules("pillow")
    assert "yaml" in modules("pyyaml")
    assert modules("requests") == ()


def test_the_table() -> None:
    table = _table()

    assert len(table) >= 600
    standard = stdlib.modules((3, 12))
    for module, distributions in table.items():
        assert distributions
        assert [canonicalize_name(one) for one in distributions] == list(distributions)
        assert module.partition(".")[0] not in standard
