"""From what the runtime said to what is to be changed, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.diagnosis.advice import for_answer, for_init
from harness.diagnosis.values import Advice
from harness.engines.protocol import Exceeded, Exited, Failed, Frame, LambdaError, Trace
from harness.manifest.seeds import Seed
from tests.build import error, function, program_of

ARTIFACT = program_of(
    {
        "app/__init__.py": "",
        "app/main.py": "def handler(event, context):\n    pass\n",
        "app/Labels.py": "",
        "src/shop/orders.py": "",
        "Tools/clean.py": "",
        "app/uses.py": "\nimport cedarpy\n",
        "top.py": "def handler(event, context):\n    pass\n",
        "plain.sh": "",
    },
    {
        "python/tinyxml/__init__.py": "",
        "python/pydantic_core/__init__.py": "",
        "python/pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so": "",
        "python/orjson/__init__.py": "",
        "python/orjson/orjson.cpython-312-darwin.so": "",
        "python/numpy/__init__.py": "",
        "python/numpy/_core/_multiarray_umath.cp312-win_amd64.pyd": "",
        "python/lxml/__init__.py": "",
        "python/lxml/etree.cpython-312-x86_64-linux-gnu.so": "",
        "python/lib/python3.12/site-packages/deeper/__init__.py": "",
        "bin/wrapper": "",
        "python/cedarpy/__init__.py": "",
        "python/cedarpy.libs/libcedar-1a2b3c4d.so": "",
        "python/cedarpy-4.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: cedarpy\nVersion: 4.1\n",
        "python/cedarpy-4.1.dist-info/RECORD": (
            "cedarpy/__init__.py,,\ncedarpy/_cedarpy.cpython-312-x86_64-linux-gnu.so,,\ncedarpy/data.pem,,\n"
        ),
    },
).lists
CANNOT = "Unable to import module 'app.main': "
MAIN = Frame("/var/task/app/main.py", 3, "app.main")
LOCKS = Frame("/var/lang/lib/python3.12/multiprocessing/synchronize.py", 57, "multiprocessing.synchronize")
CEDAR = Frame("/opt/python/cedarpy/__init__.py", 3, "cedarpy")
STARTED = Frame("/var/lang/lib/python3.12/subprocess.py", 1950, "subprocess")
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
WHEEL = "install the wheel for CPython 3.12 on Linux x86_64, and build the layer again"
NOTHING_ELSE = "correct the module at that line; it must be importable"


def lost(module: str, why: str = "") -> tuple[LambdaError, Trace]:
    told = error("Runtime.ImportModuleError", f"{CANNOT}No module named {module!r}{why}")
    return told, Trace((MAIN,), missing=module)


def broken(message: str, *causes: str) -> tuple[LambdaError, Trace]:
    return error("Runtime.ImportModuleError", CANNOT + message), Trace((MAIN,), causes)


def wrapped(kind: str, message: str, *causes: str) -> tuple[LambdaError, Trace]:
    return error(kind, message), Trace((MAIN,), causes)


def raised(kind: str, message: str, *frames: Frame) -> tuple[LambdaError, Trace]:
    return error(kind, message), Trace((MAIN, *frames))


# What was told; how the remedy begins; the cause.
INITS: dict[str, tuple[tuple[LambdaError, Trace], str, str | None]] = {
    "a distribution that is not there": (lost("defusedxml"), "add defusedxml to the requirements", None),
    "a part of one": (
        lost("google.cloud.storage"),
        "add google-cloud-storage, which has 'google.cloud.storage',",
        None,
    ),
    "a module of the user's own": (lost("app.dhl"), "add the file of 'app.dhl' to the code archive: 'app' is", None),
    "another case": (
        lost("app.labels"),
        "write the import as the file is named, or rename /var/task/app/Labels.py",
        "/var/task/app/Labels.py is there, and upper and lower case differ on Lambda",
    ),
    "a folder that is not on the path": (
        lost("shop.orders"),
        "move what is in /var/task/src to the root of the code archive",
        "/var/task/src/shop/orders.py is there, in a folder that is not on sys.path",
    ),
    "another CPython's build": (
        lost("pydantic_core._pydantic_core"),
        f"{WHEEL}: pip install --platform manylinux2014_x86_64 --python-version 3.12 --only-binary :all:",
        (
            "/opt/python/pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so is there, and this runtime loads "
            "_pydantic_core.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a Mac's build": (
        lost("orjson.orjson"),
        WHEEL,
        (
            "/opt/python/orjson/orjson.cpython-312-darwin.so is there, and this runtime loads "
            "orjson.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a build of Windows, behind words of the distribution's own": (
        broken("Error importing numpy", "ModuleNotFoundError: No module named 'numpy._core._multiarray_umath'"),
        WHEEL,
        (
            "/opt/python/numpy/_core/_multiarray_umath.cp312-win_amd64.pyd is there, and this runtime loads "
            "_multiarray_umath.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a build of this platform": (lost("lxml.etree"), "install a version of 'lxml' that has 'lxml.etree'", None),
    "a newer C library": (
        broken("/lib64/libc.so.6: version `GLIBC_2.38' not found (required by /opt/python/x.so)"),
        WHEEL,
        "it was built on a system newer than Lambda's, which has no GLIBC_2.38",
    ),
    "a library of another system": (
        broken("/opt/python/x.so: invalid ELF header"),
        WHEEL,
        "/opt/python/x.so is no library of this platform",
    ),
    "a library": (
        broken("libGL.so.1: cannot open shared object file: No such file or directory"),
        "put the library libGL.so.1 into lib/ of a layer",
        None,
    ),
    "a library that ctypes loads": (
        raised("OSError", "libfoo.so.1: cannot open shared object file: No such file or directory"),
        "put the library libfoo.so.1 into lib/ of a layer",
        None,
    ),
    "a circle that is none: the compiled half is another's": (
        broken(
            "cannot import name '_pydantic_core' from partially initialized module 'pydantic_core' (most likely due"
        ),
        WHEEL,
        (
            "/opt/python/pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so is there, and this runtime loads "
            "_pydantic_core.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a circle that is none: the compiled half is gone": (
        broken(
            "cannot import name '_cedarpy' from partially initialized module 'cedarpy' (most likely due to a circular"
        ),
        "keep /opt/python/cedarpy/_cedarpy.cpython-312-x86_64-linux-gnu.so when layer.zip is made",
        (
            "/opt/python/cedarpy/_cedarpy.cpython-312-x86_64-linux-gnu.so is in the RECORD of cedarpy, and in no "
            "archive: its compiled half is missing"
        ),
    ),
    "words of numpy that say something else": (
        broken("Error importing numpy: you should not try to import numpy from its source directory"),
        WHEEL,
        (
            "/opt/python/numpy/_core/_multiarray_umath.cp312-win_amd64.pyd is there, and this runtime loads "
            "_multiarray_umath.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a circle": (broken("cannot import name 'x' from partially initialized module 'a'"), "break the circle", None),
    "a name": (broken("cannot import name 'x' from 'tinyxml'"), "correct the name, or install the version", None),
    "a name of a module that is built for another Python": (
        broken("cannot import name 'ArgsKwargs' from 'pydantic_core._pydantic_core' (unknown location)"),
        WHEEL,
        (
            "/opt/python/pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so is there, and this runtime loads "
            "_pydantic_core.cpython-312-x86_64-linux-gnu.so"
        ),
    ),
    "a name of a package with libraries beside it": (
        broken("cannot import name 'x' from 'cedarpy' (/opt/python/cedarpy/__init__.py)"),
        "correct the name, or install a version of cedarpy that has it",
        "cedarpy 4.1 has no 'x' in cedarpy",
    ),
    "an import that fails otherwise": (broken("no"), "correct the module at that line, or what it imports there", None),
    "a variable": (
        (error("KeyError", "'DEPOT'"), Trace((MAIN,), ("KeyError: b'DEPOT'",))),
        "declare DEPOT under `environment` in the manifest",
        None,
    ),
    "another key": (raised("KeyError", "'DEPOT'"), NOTHING_ELSE, None),
    "syntax": (raised("Runtime.UserCodeSyntaxError", "…"), "correct the line, or declare the runtime", None),
    "a file that may not be read": (
        raised("PermissionError", "[Errno 13] Permission denied: '/var/task/app/main.py'"),
        "make the archive's files readable for others",
        None,
    ),
    "a folder that may not be written": (
        raised("PermissionError", "[Errno 13] Permission denied: '/usr/x'"),
        "write below /tmp only; the function runs as a user without rights",
        None,
    ),
    "a read-only disk": (
        raised("OSError", "[Errno 30] Read-only file system: '/var/task/x'"),
        "write below /tmp only; the rest of the file system is read-only",
        None,
    ),
    "the home folder": (
        raised("OSError", "[Errno 30] Read-only file system: '/home/sbx_user1051'"),
        "declare HOME=/tmp in the function's environment",
        "it is the home folder of Lambda's user, which does not exist",
    ),
    "a home folder that a library looks for": (
        raised("IOException", "IO Error: Can't find the home directory at '/home/sbx_user1051'"),
        "declare HOME=/tmp in the function's environment",
        "Lambda's user has no home folder",
    ),
    "a cache beside the code": (
        raised("RuntimeError", "cannot cache function 'f': no locator available for file '/var/task/app/main.py'"),
        "declare NUMBA_CACHE_DIR=/tmp in the function's environment",
        "numba keeps what it has compiled beside the code or in the home folder, and writes to neither here",
    ),
    "a file": (
        raised("FileNotFoundError", "[Errno 2] No such file or directory: 'x'"),
        "open only what is in the archives, and write below /tmp only",
        None,
    ),
    "a full /tmp": (raised("OSError", "[Errno 28] No space left on device"), "write less: /tmp has 512 MB", None),
    "too many files": (raised("OSError", "[Errno 24] Too many open files: 'x'"), "open fewer files", None),
    "a lock": (
        raised("FileNotFoundError", "[Errno 2] No such file or directory", LOCKS),
        "use threads (concurrent.futures.ThreadPoolExecutor)",
        "Lambda has no /dev/shm, which multiprocessing's locks, queues and pools, that of threads included, need",
    ),
    "a program that may not be started": (
        raised("PermissionError", "[Errno 13] Permission denied: '/var/task/plain.sh'"),
        "give it mode 0755 before it is zipped (chmod 755)",
        "of /var/task/plain.sh: its mode is 0644",
    ),
    "a program that is not there": (
        raised("FileNotFoundError", "[Errno 2] No such file or directory: 'git'", STARTED),
        "use a library that needs no git",
        "neither the runtime nor an archive has git on the PATH",
    ),
    "a locale": (
        raised("Error", "unsupported locale setting"),
        "use C, C.UTF-8 or POSIX",
        "Amazon Linux 2023, as Lambda has it, comes with the locales C, C.UTF-8 and POSIX alone",
    ),
    "a library that is opened by its path": (
        raised("OSError", "/opt/lib/x.so: cannot open shared object file: No such file or directory"),
        "add lib/x.so to a layer",
        "it is opened by this path, and no archive has /opt/lib/x.so",
    ),
    "an error of the system behind another": (
        wrapped("ValueError", "Unable to configure handler 'file'", "OSError: [Errno 30] Read-only file system: 'x'"),
        "write below /tmp only; the rest of the file system is read-only",
        None,
    ),
    "metadata behind another error": (
        wrapped("RuntimeError", "no version", "PackageNotFoundError: No package metadata was found for tinyxml"),
        "leave *.dist-info folders out of what the packaging step removes",
        "the modules of tinyxml are there (/opt/python/tinyxml/__init__.py), its metadata is not",
    ),
    "code that was generated for a newer protobuf": (
        raised("VersionError", "Detected incompatible Protobuf Gencode/Runtime: gencode 5.29.0 runtime 5.28.1"),
        "install protobuf>=5.29.0",
        "the code was generated for protobuf 5.29.0, and 5.28.1 is installed",
    ),
    "data that nltk downloads": (
        raised("LookupError", "\n  Resource \x1b[93mpunkt\x1b[0m not found.\n  Please use the NLTK Downloader"),
        "download it when the archive is built (`python -m nltk.downloader -d nltk_data punkt`)",
        "nltk brings no data along, and no archive has punkt",
    ),
    "a file of a distribution that was removed": (
        raised("OSError", "invalid path: /opt/python/cedarpy/data.pem"),
        "keep /opt/python/cedarpy/data.pem when layer.zip is made",
        "/opt/python/cedarpy/data.pem is in the RECORD of cedarpy, and in no archive",
    ),
    "an old NumPy's module": (
        raised("ImportError", "numpy.core.multiarray failed to import"),
        "install a version of what imports it that was built for NumPy 2, or pin numpy<2",
        "it was compiled for NumPy 1, and NumPy is there",
    ),
    "an error of the system that says it all": (raised("OSError", "[Errno 5] Input/output error"), NOTHING_ELSE, None),
    "an error of nobody's": (raised("OSError", "no"), NOTHING_ELSE, None),
    "what a library refuses by itself": (
        (error("RuntimeError", "no"), Trace((CEDAR,))),
        "do what this error of cedarpy 4.1 asks for, or install another version of cedarpy",
        None,
    ),
    "what a library refuses to one's own code": (
        raised("RuntimeError", "no", CEDAR),
        NOTHING_ELSE,
        None,
    ),
    "what a library refuses when it is imported": (
        (error("RuntimeError", "no"), Trace((Frame("/var/task/app/uses.py", 2, "app.uses"), CEDAR))),
        "do what this error of cedarpy 4.1 asks for, or install another version of cedarpy",
        None,
    ),
    "a distribution that a library asks for by its name": (
        broken("email-validator is not installed, run `pip install 'pydantic[email]'`"),
        "add pydantic[email] to the requirements that the layer is built from",
        None,
    ),
    "a distribution that a library asks for in other words": (
        raised("RuntimeError", 'Form data requires "python-multipart" to be installed.'),
        "add python-multipart to the requirements that the layer is built from",
        None,
    ),
    "the first of several that a library would take": (
        raised("ImportError", "Unable to find a usable engine; tried using: 'pyarrow', 'fastparquet'."),
        "add pyarrow to the requirements that the layer is built from",
        None,
    ),
    "a distribution that is there all the same": (
        raised("RuntimeError", "run `pip install cedarpy`"),
        NOTHING_ELSE,
        None,
    ),
    "an attribute that a library lacks": (
        raised("AttributeError", "module 'cedarpy' has no attribute 'x'"),
        "correct the name, or install a version of cedarpy that has it",
        "cedarpy 4.1 has no 'x' in cedarpy",
    ),
    "an attribute that one's own module lacks": (
        raised("AttributeError", "module 'app.Labels' has no attribute 'x'"),
        NOTHING_ELSE,
        None,
    ),
    "what one library does not take from another": (
        raised("TypeError", "Client.__init__() got an unexpected keyword argument 'proxies'", CEDAR),
        "install versions of cedarpy and of what it calls there that fit each other",
        None,
    ),
    "anything": (raised("ValueError", "no"), NOTHING_ELSE, None),
}


@pytest.mark.parametrize("case", INITS)
def test_an_error_of_init(case: str) -> None:
    (told, trace), remedy, cause = INITS[case]

    advice = for_init(Failed(told, 0.1), trace, function(), ARTIFACT)

    assert advice.remedy.startswith(remedy)
    assert advice.cause == cause


@pytest.mark.parametrize(
    ("handler", "told", "remedy"),
    [
        ("jobs.run.handler", lost("jobs"), "add the file, or correct the handler's name: there is top.handler and"),
        ("jobs.run.gone", lost("jobs"), "add the file of 'jobs' to the code archive, or correct the handler's name"),
        ("shop.orders.handler", lost("shop"), "the archive has it at /var/task/src/shop/orders.py: zip what is in"),
        ("tools.clean.handler", lost("tools"), "the archive has it at /var/task/Tools/clean.py: rename it"),
        ("app.main.gone", raised("Runtime.HandlerNotFound", "…"), "name the handler app.main.handler, or rename"),
        ("main", raised("Runtime.MalformedHandlerName", "…"), "name the handler as module.function"),
        ("sys.exit", raised("Runtime.BuiltInModuleConflict", "…"), "rename the module 'sys'"),
        (
            "./top.handler",
            raised("TypeError", "the 'package' argument is required to perform a relative import for '..top'"),
            "name the handler from the root of the code archive on, without a dot or slash in front: ",
        ),
        (
            "/var/task/top.handler",
            raised("TypeError", "the 'package' argument is required to perform a relative import for '.var.task.top'"),
            "name the handler from the root of the code archive on, without a dot or slash in front: ",
        ),
        ("top.handler", raised("TypeError", "no"), NOTHING_ELSE),
    ],
)  # fmt: skip
def test_a_handlers_name(handler: str, told: tuple[LambdaError, Trace], remedy: str) -> None:
    advice = for_init(Failed(told[0], 0.1), told[1], function(handler=handler), ARTIFACT)

    assert advice.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        (
            "tinyxml",
            Advice(
                "remove PYTHONPATH from `environment`, or add /opt/python to it",
                "/opt/python/tinyxml/__init__.py is there; with PYTHONPATH=/var/task/src, Lambda leaves the layers off "
                "sys.path",
            ),
        ),
        (
            "deeper",
            Advice(
                "remove PYTHONPATH from `environment`, or add /opt/python/lib/python3.12/site-packages to it",
                "/opt/python/lib/python3.12/site-packages/deeper/__init__.py is there; with PYTHONPATH=/var/task/src, "
                "Lambda leaves the layers off sys.path",
            ),
        ),
    ],
)
def test_a_layer_that_a_variable_hides(module: str, advice: Advice) -> None:
    told, trace = lost(module)
    own = function(environment={"PYTHONPATH": "/var/task/src"})

    assert for_init(Failed(told, 0.1), trace, own, ARTIFACT) == advice


def test_a_distribution_that_fails_and_does_not_fit() -> None:
    program = program_of(
        {"app.py": "import typing_extensions\n"},
        {
            "python/typing_extensions.py": "",
            "python/typing_extensions-4.5.0.dist-info/METADATA": "Name: typing_extensions\nVersion: 4.5.0\n",
            "python/typing_extensions-4.5.0.dist-info/RECORD": "typing_extensions.py,,\n",
            "python/pydantic-2.11.7.dist-info/METADATA": (
                "Name: pydantic\nVersion: 2.11.7\nRequires-Dist: typing-extensions>=4.12.2\n"
            ),
        },
    )
    frames = Frame("/var/task/app.py", 1, "app"), Frame("/opt/python/typing_extensions.py", 9, "typing_extensions")

    advice = for_init(Failed(error("TypeError", "no"), 0.1), Trace(frames), function(), program.lists)

    assert advice == Advice(
        "install a version of typing_extensions that fits all that require it",
        "typing_extensions 4.5.0 is there, and pydantic 2.11.7 requires typing-extensions>=4.12.2",
    )


def test_a_layer_that_a_wrapper_hides() -> None:
    told, trace = lost("tinyxml")
    own = function(environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})
    program = program_of(
        {"top.py": ""}, {"python/tinyxml.py": "", "wrap": '#!/bin/sh\nexport PYTHONPATH=/opt/lib\nexec "$@"\n'}
    )

    advice = for_init(Failed(told, 0.1), trace, own, program.lists)

    assert advice.remedy == "remove PYTHONPATH from /opt/wrap, or add /opt/python to it"


SHADOW = program_of(
    {"app/main.py": "", "random.py": "", "email.py": "", "shop.py": "", "calendar/__init__.py": ""}
).lists


@pytest.mark.parametrize(
    ("end", "causes", "path"),
    [
        (Failed(broken("cannot import name 'Random' from 'random' (/var/task/random.py)")[0], 0.1), (), "random.py"),
        (Failed(lost("email.message", "; 'email' is not a package")[0], 0.1), (), "email.py"),
        (Failed(error("AttributeError", "module 'random' has no attribute 'choice'"), 0.1), (), "random.py"),
        (Exited(1, 0.1), ("AttributeError: module 'email' has no attribute '__path__'",), "email.py"),
        (Failed(error("AttributeError", "module 'shop' has no attribute 'sell'"), 0.1), (), None),
        # What Python's own has not either is a file or a name that one's own code lacks.
        (Failed(lost("calendar.google")[0], 0.1), (), None),
        (Failed(error("AttributeError", "module 'random' has no attribute 'sell'"), 0.1), (), None),
        (Failed(error("AttributeError", "module 'json' has no attribute 'load'"), 0.1), (), None),
    ],
)
def test_a_file_in_the_place_of_one_of_pythons_modules(
    end: Failed | Exited, causes: tuple[str, ...], path: str | None
) -> None:
    advice = for_init(end, Trace((MAIN,), causes), function(), SHADOW)

    assert (advice.remedy == f"rename /var/task/{path}") == (path is not None)
    assert bool(advice.cause and "takes the place of the standard library's" in advice.cause) == (path is not None)


@pytest.mark.parametrize(
    ("end", "remedy"),
    [
        (Exited(3, 0.1), "make the module importable without ending the process"),
        (Exited(127, 0.1), "make the module importable without ending the process"),
        (Exited(-11, 0.1), "install builds of the compiled distributions that are made for Lambda's platform"),
        (Exited(-9, 0.1), "check what killed it"),
        (Exceeded("memory", 0.1), "import less, or declare more than 512 MB of memory"),
        (Exceeded("timeout", 60.0), "Lambda stops init after 10 s"),
        (Exceeded("processes", 1.0), "start fewer processes and threads"),
    ],
)
def test_an_end_of_init(end: Exited | Exceeded, remedy: str) -> None:
    assert for_init(end, Trace(()), function(), ARTIFACT).remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("path", "status", "remedy", "cause"),
    [
        ("/opt/wrapper", 127, "put the script into a layer", f"{WRAPPER} is /opt/wrapper, which no archive has"),
        (
            "/var/task/plain.sh",
            126,
            "give it mode 0755 before it is zipped (chmod 755)",
            f"{WRAPPER} is /var/task/plain.sh: its mode is 0644",
        ),
    ],
)
def test_a_wrapper_that_does_not_start(path: str, status: int, remedy: str, cause: str) -> None:
    advice = for_init(Exited(status, 0.1), Trace(()), function(environment={WRAPPER: path}), ARTIFACT)

    assert advice.remedy.startswith(remedy)
    assert advice.cause == cause


def test_what_a_seed_lacks() -> None:
    said = "An error occurred (ParameterNotFound) when calling the GetParameter operation: Parameter /x not found."
    end = Failed(error("ParameterNotFound", said), 0.1)
    seeded = replace(function(), seed=Seed("seeds/api.toml", Path("seeds/api.toml")))

    assert for_init(end, Trace(()), seeded, ARTIFACT).remedy.startswith(
        "put what it asks for into the seed seeds/api.toml"
    )
    assert "seed" not in for_init(end, Trace(()), function(), ARTIFACT).remedy


@pytest.mark.parametrize(
    ("end", "remedy"),
    [
        (Failed(error("ValueError", "no"), 0.1), "correct the handler; the lines above are what Lambda would log"),
        (Failed(error("OSError", "[Errno 30] Read-only file system: 'x'"), 0.1), "write below /tmp only"),
        (
            Failed(error("ModuleNotFoundError", "No module named 'defusedxml'"), 0.1),
            "add defusedxml to the requirements",
        ),
        (
            Failed(error("OSError", "[Errno 38] Function not implemented", f'  File "{LOCKS.file}", line 57'), 0.1),
            "use threads",
        ),
        (Exited(0, 0.1), "return or raise: sys.exit() and os._exit() end Lambda's process too"),
        (Exited(4, 0.1), "return or raise: sys.exit() and os._exit() end Lambda's process too"),
        (Exited(-11, 0.1), "install builds of the compiled distributions"),
        (Exceeded("memory", 0.1), "make it do with its 512 MB of memory, or declare more"),
        (Exceeded("timeout", 30.0), "make it answer within its 30 s, or declare more of them"),
        (Exceeded("processes", 1.0), "start fewer processes and threads"),
    ],
)
def test_an_event_without_an_answer(end: Failed | Exited | Exceeded, remedy: str) -> None:
    assert for_answer(end, function(), ARTIFACT).remedy.startswith(remedy)
