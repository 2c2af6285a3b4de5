"""Reports to render: one of every shape, and one that an enemy filled in."""

from __future__ import annotations

from dataclasses import replace

from harness.model import (
    ArtifactInfo,
    Completed,
    Crashed,
    EmulatedCall,
    EngineInfo,
    Finding,
    FunctionInfo,
    NotApplicable,
    Outcome,
    Report,
    Result,
    Severity,
    Skipped,
    Timing,
    Waived,
)

CODE = ArtifactInfo(
    role="code",
    source="build/code.zip",
    sha256="1f2e3d4c5b6a" + "0" * 52,
    code_sha256="Hy49TFtqAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    zipped_bytes=203_366,
    unzipped_bytes=812_345,
    files=131,
)
LAYER = replace(
    CODE, role="layer", source="build/layer.zip", zipped_bytes=52_000_000, unzipped_bytes=150_000_000, files=4_210
)
FOLDER = ArtifactInfo("layer", "unpacked", "ab" * 32, None, None, 40_960, 12)

CONTAINER = EngineInfo(
    name="container",
    image="public.ecr.aws/lambda/python:3.12",
    digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    python="3.12.11",
)

MISSING = Finding(
    message="Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'",
    where="/var/task/app/services/carriers/usps.py:7",
    cause="defusedxml is in requirements.txt, and in none of the layers",
    remedy="Build the layer from requirements.txt again:\n    pip install --target python -r requirements.txt",
    chain=("app.main", "app.api.v1.tracking", "app.services.carriers", "app.services.carriers.usps"),
)
MODES = Finding(
    message="3 files cannot be read by the function's user",
    where="build/code.zip!app/main.py",
    severity=Severity.WARNING,
    remedy="Give them mode 644.",
)
FUNCTIONS = (
    FunctionInfo("api", "app.main.handler", 1.42, 118.4),
    FunctionInfo("worker", "app.worker.handler", 0.317, 90.0, aws_calls=(EmulatedCall("s3", "GetObject", "e.json"),)),
)


def result(check: str, outcome: Outcome, function: str | None = None, seconds: float = 0.25) -> Result:
    return Result(check, f"Title of {check}.", function, outcome, seconds)


def report(*results: Result, engine: EngineInfo = CONTAINER, static: bool = False, strict: bool = False) -> Report:
    return Report(
        version="0.1.0",
        runtime="python3.12",
        architecture="x86_64",
        engine=engine,
        artifacts=(CODE, LAYER),
        functions=FUNCTIONS,
        results=results,
        seconds=3.21,
        static=static,
        strict=strict,
    )


PASSED = report(
    result("archive-integrity", Completed()),
    result("required-files", NotApplicable("the manifest requires no file")),
    result("handler-imports", Completed(), "api"),
    result("handler-imports", Completed(), "worker"),
)

MIXED = replace(
    report(
        result("archive-integrity", Completed()),
        result("file-permissions", Completed((MODES,))),
        result(
            "shared-libraries",
            Completed(waived=(Waived(replace(MISSING, message="libGL.so.1 is missing"), "the GUI is never imported"),)),
        ),
        result("handler-imports", Completed((MISSING,)), "api"),
        result("handler-imports", Completed((MISSING,)), "worker"),
        result("handler-imports", Completed(), "cleanup"),
        result("handler-responds", Skipped("the init of the function failed"), "api"),
        result("handler-responds", Skipped("the init of the function failed"), "worker"),
        result("upload-size", Crashed("KeyError: 'x'", "Traceback:\n  File \"checks.py\", line 1\nKeyError: 'x'")),
        result("layer-count", NotApplicable("no layers")),
        engine=replace(CONTAINER, caveats=("No network was to be had.",)),
        strict=True,
    ),
    notes=("1 waiver matched nothing.",),
)

UNAVAILABLE = report(
    result("archive-integrity", Completed()),
    result("handler-imports", Skipped("no Docker daemon answers"), "api"),
    engine=EngineInfo("none"),
)

TIMED = replace(
    PASSED,
    timings=(
        Timing("reading", 0.42),
        Timing("build/code.zip", 0.02, "reading"),
        Timing("build/layer.zip", 0.4, "reading"),
        Timing("starting the runtime", 0.31),
    ),
)

EMPTY = replace(report(engine=EngineInfo("none")), artifacts=(FOLDER,), functions=(), static=True)

ENEMY = (
    "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202egnp.exe \u2028"
    "a|b `c` ```d``` <script>alert(1)</script> [x](javascript:1) <!-- @everyone #1 *b* _i_ \\| $x$ ~~s~~\r"
    "\n::error file=x::gotcha\n  ::set-output::\n##[error]y ##vso[task.complete]\nPASS: all good\udc80\x00\t."
)

HOSTILE = Report(
    version=ENEMY,
    runtime=ENEMY,
    architecture=ENEMY,
    engine=EngineInfo(ENEMY, ENEMY, ENEMY, ENEMY, (ENEMY,)),
    artifacts=(ArtifactInfo(ENEMY, ENEMY, ENEMY, ENEMY, 1, 1, 1),),
    functions=(FunctionInfo(ENEMY, ENEMY, float("nan"), float("inf")), FunctionInfo(ENEMY, ENEMY, 1.0, 2.0)),
    results=(
        Result(ENEMY, ENEMY, ENEMY, Completed((Finding(ENEMY, ENEMY, Severity.ERROR, ENEMY, ENEMY, (ENEMY,)),)), 1.0),
        Result(ENEMY, ENEMY, ENEMY, Completed(waived=(Waived(Finding(ENEMY, ENEMY), ENEMY),)), float("nan")),
        Result(ENEMY, ENEMY, ENEMY, Skipped(ENEMY), 1.0),
        Result(ENEMY, ENEMY, ENEMY, Crashed(ENEMY, ENEMY), 1.0),
        Result(ENEMY, ENEMY, ENEMY, NotApplicable(ENEMY), 1.0),
    ),
    seconds=float("inf"),
    notes=(ENEMY,),
    timings=(Timing(ENEMY, float("nan")), Timing(ENEMY, 1.0, ENEMY)),
)

ALL = {"passed": PASSED, "mixed": MIXED, "unavailable": UNAVAILABLE, "timed": TIMED, "empty": EMPTY, "hostile": HOSTILE}
