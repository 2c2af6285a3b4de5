"""Which keys that scripts make by hand bring back a layer that is older than what it is built from."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.comparison.cache_keys import Unkeyed, unkeyed
from harness.dependencies.inputs import Input, Inputs
from harness.manifest import Source, SourceKind
from tests.build import manifest

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    *("backend/requirements.txt", "backend/poetry.lock", "backend/pyproject.toml", "frontend/package-lock.json"),
    *("backend/base.txt", "VERSION"),
)


def found(
    root: Path, files: dict[str, str], inputs: tuple[str, ...] = ("backend/requirements.txt",)
) -> tuple[Unkeyed, ...]:
    """What is wrong with the files of a repository whose layer is built from the inputs."""
    (root / ".git").mkdir(parents=True)
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    declared = replace(
        manifest(),
        path=root / "lambda-artifact.toml",
        code=Source("code.zip", root / "code.zip", SourceKind.LOCAL),
        layers=(Source("build/layer.zip", root / "build/layer.zip", SourceKind.LOCAL),),
    )
    named = (
        *(Input(name, root / name) for name in inputs),
        Input("backend/poetry.lock", root / "backend/poetry.lock", False),
    )
    return unkeyed(declared, Inputs(root, named, "python3.12", "x86_64"))


def workflow(*steps: str) -> dict[str, str]:
    """A workflow of GitHub with these steps."""
    said = "\n".join(indent(dedent(step).strip(), "      ") for step in steps)
    return {
        ".github/workflows/deploy.yml": f"jobs:\n  deploy:\n    steps:\n      - uses: actions/checkout@v4\n{said}\n"
    }


def run(script: str, head: str = "") -> str:
    """A step that runs a script."""
    return f"- run: |\n{indent(dedent(script).strip(), '    ')}\n{indent(head, '  ')}"


FETCH = 'aws s3 cp "s3://$BUCKET/layers/$HASH.zip" build/layer.zip || ./build.sh'
GUARD = """\
S3_KEY="layers/layer-${HASH:0:12}.zip"
if aws s3api head-object --bucket "$BUCKET" --key "$S3_KEY" > /dev/null 2>&1; then
  aws s3 cp "s3://$BUCKET/$S3_KEY" layer.zip
else
  pip install -r backend/requirements.txt -t python
  zip -qr layer.zip python
  aws s3 cp layer.zip "s3://$BUCKET/$S3_KEY"
fi
"""
LOCK = "HASH=$(sha256sum backend/poetry.lock | cut -d' ' -f1)"
BOTH = "HASH=$(cat backend/poetry.lock backend/requirements.txt | sha256sum | cut -c1-16)"
GITLAB = "build:\n  script:\n    - {}\n    - {}\n"
STALE = {
    "github, sha256sum into a key of S3": workflow(run(f"{LOCK}\n{GUARD}")),
    "github, md5sum": workflow(run(f"HASH=`md5sum backend/poetry.lock | awk '{{print $1}}'`\n{FETCH}")),
    "github, shasum from standard input": workflow(run(f"HASH=$(shasum -a 256 < backend/poetry.lock)\n{FETCH}")),
    "github, openssl": workflow(run(f"HASH=$(openssl dgst -sha256 backend/poetry.lock | cut -d' ' -f2)\n{FETCH}")),
    "github, git's own digest": workflow(run(f"HASH=$(git hash-object backend/poetry.lock)\n{FETCH}")),
    "github, a folder of work": workflow(
        run(f"HASH=$(sha256sum poetry.lock)\n{FETCH.replace('build/', '')}", "working-directory: backend")
    ),
    "github, another folder": workflow(run(f"cd backend && HASH=$(sha256sum poetry.lock) && cd ..\n{FETCH}")),
    "github, an output": workflow(
        run('echo "hash=$(sha256sum backend/poetry.lock | head -c 12)" >> "$GITHUB_OUTPUT"', "id: key"),
        run("aws s3 cp s3://b/layer-${{ steps.key.outputs.hash }}.zip build/layer.zip"),
    ),
    "github, an output into a cache": workflow(
        run('echo "hash=$(sha256sum backend/poetry.lock | head -c 12)" >> "$GITHUB_OUTPUT"', "id: key"),
        """\
        - uses: actions/cache@v4
          with:
            path: build/layer.zip
            key: layer-${{ steps.key.outputs.hash }}
        """,
    ),
    "github, the environment": workflow(
        run("echo \"LAYER_HASH=$(md5sum backend/poetry.lock | cut -d' ' -f1)\" >> $GITHUB_ENV"),
        run("[ -f ~/cache/layer-$LAYER_HASH.zip ] && cp ~/cache/layer-$LAYER_HASH.zip build/layer.zip"),
    ),
    "github, hashFiles into a key of S3": workflow(
        """\
        - env:
            KEY: layers/${{ hashFiles('backend/poetry.lock') }}.zip
          run: aws s3 cp "s3://$BUCKET/$KEY" build/layer.zip || ./build.sh
        """
    ),
    "github, an artifact": workflow(
        """\
        - uses: dawidd6/action-download-artifact@v6
          with:
            name: layer-${{ hashFiles('backend/poetry.lock') }}
            path: build
        """
    ),
    "github, the name of a layer": workflow(
        run(f'{LOCK}\naws lambda list-layer-versions --layer-name "deps-layer-$HASH" --query "LayerVersions[0]"')
    ),
    "github, a script that it calls": {
        **workflow(run("./scripts/layer.sh")),
        "scripts/layer.sh": f'cd "$(dirname "$0")/.."\n{LOCK}\n{GUARD}',
    },
    "github, a script that it calls with the digest": {
        **workflow(run(f"export {LOCK}\n./scripts/layer.sh")),
        "scripts/layer.sh": GUARD,
    },
    "a script": {
        "scripts/layer.sh": f'ROOT="$(cd "$(dirname "${{BASH_SOURCE[0]}}")/.." && pwd)"\ncd $ROOT\n{LOCK}\n{GUARD}'
    },
    "a script from wherever": {"scripts/layer.sh": f"HASH=$(sha256sum poetry.lock)\n{GUARD}"},
    "a script with a function": {
        "deploy.sh": f"digest() {{ cat backend/poetry.lock; }}\n{LOCK}\nfetch() {{\n  {FETCH}\n}}\nfetch\n"
    },
    "a makefile": {
        "Makefile": "HASH := $(shell md5sum backend/poetry.lock)\n\nbuild/layer-$(HASH).zip:\n\t./build.sh $@\n"
    },
    "gitlab": {
        ".gitlab-ci.yml": GITLAB.format(LOCK, "'[ -f layers/$HASH.zip ] && cp layers/$HASH.zip build/layer.zip'")
    },
    "circleci": {
        ".circleci/config.yml": """\
        jobs:
          build:
            steps:
              - run: cat backend/poetry.lock > layer.key
              - restore_cache: {key: 'layer-{{ checksum "layer.key" }}'}
              - run: ./build.sh
              - save_cache:
                  key: layer-{{ checksum "layer.key" }}
                  paths: [build/layer.zip]
        """
    },
    "circleci, by hand": {
        ".circleci/config.yml": f"""\
        jobs:
          build:
            steps:
              - run:
                  command: |
                    {LOCK}
                    {FETCH}
        """
    },
    "azure": {
        "azure-pipelines.yml": f"""\
        steps:
          - bash: |
              {LOCK}
              echo "##vso[task.setvariable variable=LAYER_HASH]$HASH"
          - task: Cache@2
            inputs:
              key: '"layer" | $(LAYER_HASH)'
              path: build/layer.zip
        """
    },
    "azure, by hand": {
        "azure-pipelines.yml": f"""\
        steps:
          - script: |
              {LOCK}
              az storage blob download -n layers/$HASH.zip -f build/layer.zip
        """
    },
    "a script with a function that makes the digest": {
        "deploy.sh": f"""\
        digest_of() {{
          local file="${{1}}"
          sha256sum "$file" | cut -d' ' -f1
        }}
        HASH=$(digest_of backend/poetry.lock)
        {FETCH}
        """
    },
    "azure, an artifact": {
        "azure-pipelines.yml": f"""\
        steps:
          - bash: |
              {LOCK}
              echo "##vso[task.setvariable variable=HASH]$HASH"
          - task: DownloadPipelineArtifact@2
            inputs: {{artifact: layer-$(HASH), path: build}}
        """
    },
    "github, an artifact by its command line": workflow(run(f"{LOCK}\ngh run download -n layer-$HASH || ./build.sh")),
    "azure, powershell": {
        "azure-pipelines.yml": """\
        steps:
          - pwsh: |
              $hash = (Get-FileHash backend/poetry.lock -Algorithm SHA256).Hash
              aws s3 cp "s3://b/layers/$hash.zip" build/layer.zip
        """
    },
    "github, another job's output": {
        ".github/workflows/deploy.yml": """\
        jobs:
          key:
            outputs: {hash: "${{ steps.k.outputs.hash }}"}
            steps:
              - uses: actions/checkout@v4
              - id: k
                run: echo "hash=$(md5sum backend/poetry.lock | cut -c1-32)" >> "$GITHUB_OUTPUT"
          layer:
            needs: key
            steps:
              - uses: actions/checkout@v4
              - uses: actions/cache@v4
                with: {path: build/layer.zip, key: "layer-${{ needs.key.outputs.hash }}"}
        """
    },
    "a comparison": {
        "build.sh": f"""\
        {LOCK}
        if [ "$HASH" = "$(cat build/.hash 2>/dev/null)" ]; then
          exit 0
        fi
        pip install -r backend/requirements.txt --target python
        zip -r build/layer.zip python
        echo $HASH > build/.hash
        """
    },
    "github, sha1sum of two in a job for a matrix": workflow(
        run(f"HASH=$(cat backend/poetry.lock backend/pyproject.toml | sha1sum | awk '{{print $1}}')\n{FETCH}")
    ),
    "codebuild": {"buildspec.yml": f"phases:\n  build:\n    commands:\n      - {LOCK}\n      - {FETCH}\n"},
}


@pytest.mark.parametrize("files", STALE.values(), ids=STALE)
def test_what_is_not_in_a_key_is_named(files: dict[str, str], tmp_path: Path) -> None:
    (one,) = found(tmp_path, files)

    assert (one.own, one.inputs, one.partly) == (True, ("backend/requirements.txt",), False)
    assert one.keyed[0].endswith("poetry.lock")
    file, _, line = one.step.where.partition(":")
    text = (tmp_path / file).read_text().splitlines()
    assert any(
        word in text[int(line) - 1]
        for word in ("poetry.lock", "layer.key", "LAYER_HASH", "steps.key", "digest_of", "needs.key")
    )


FRESH = {
    "both files": workflow(run(f"{BOTH}\n{GUARD}")),
    "several digests": workflow(
        run(f"A=$(md5sum backend/poetry.lock)\nB=$(md5sum backend/requirements.txt)\nHASH=$A-$B\n{FETCH}")
    ),
    "all files of a folder": workflow(
        run(f"HASH=$(find backend -type f | sort | xargs sha256sum | sha256sum)\n{FETCH}")
    ),
    "some files of a folder": workflow(
        run(f"HASH=$(find backend -name '*.txt' -exec md5sum {{}} + | md5sum)\n{FETCH}")
    ),
    "files one by one": workflow(
        run(f'HASH=$(for f in backend/requirements.txt backend/base.txt; do md5sum "$f"; done | md5sum)\n{FETCH}')
    ),
    "a list of files": workflow(
        run(f'FILES="backend/requirements.txt backend/poetry.lock"\nHASH=$(cat $FILES | md5sum)\n{FETCH}')
    ),
    "the tree of a commit": workflow(run(f"HASH=$(git rev-parse HEAD:backend)\n{FETCH}")),
    "the commit": workflow(run(f"{LOCK}\n{FETCH.replace('$HASH', '$HASH-$GITHUB_SHA')}")),
    "the commit, asked for": workflow(run(f"HASH=$(git rev-parse HEAD)\n{FETCH}")),
    "the archive's own digest": workflow(run(f"HASH=$(sha256sum build/layer.zip)\n{FETCH}")),
    "an archive that was made": workflow(run(f"zip -r layer.zip python\nHASH=$(sha256sum layer.zip)\n{FETCH}")),
    "what a program prints": workflow(run(f"HASH=$(lambda-artifact key)\n{FETCH}")),
    "what a program prints, digested": workflow(run(f"HASH=$(pip freeze | sha256sum)\n{FETCH}")),
    "a tool that is downloaded": workflow(
        run('curl -o layer-tool.zip https://example.com/t.zip\n[ "$(sha256sum layer-tool.zip)" = "$LAYER_SUM" ]')
    ),
    "another cache": workflow(
        run("HASH=$(sha256sum frontend/package-lock.json)\naws s3 cp s3://b/node_modules-$HASH.tgz node_modules.tgz"),
        run("pip install -r backend/requirements.txt -t python\nzip -r build/layer.zip python"),
    ),
    "layers of an image": workflow(
        run("HASH=$(md5sum frontend/package-lock.json)\naws s3 ls s3://docker-layers/$HASH")
    ),
    "an upload alone": workflow(run(f'./build.sh\n{LOCK}\naws s3 cp build/layer.zip "s3://b/layers/$HASH.zip"')),
    "requirements that are exported": workflow(run(f"poetry export -o backend/requirements.txt\n{LOCK}\n{FETCH}")),
    "a comparison of something else": {
        "build.sh": f"""\
        FRONT=$(sha256sum frontend/package-lock.json)
        [ "$FRONT" = "$(cat .front)" ] || npm ci
        {BOTH}
        [ "$HASH" = "$(cat .back)" ] && exit
        zip -r build/layer.zip python
        """
    },
    "a function over all files": {
        "deploy.sh": f"""\
        digest_of() {{ cat "$@" | md5sum; }}
        HASH=$(digest_of backend/poetry.lock backend/requirements.txt)
        {FETCH}
        """
    },
    "a function of which nothing is known": {"deploy.sh": f"HASH=$(digest_of backend/poetry.lock)\n{FETCH}"},
    "a comment": workflow(run(f"# {LOCK}\n# {FETCH}\n./build.sh")),
    "a digest that is checked": workflow(
        run("sha256sum -c backend/poetry.lock\naws s3 cp s3://b/layer.zip build/layer.zip")
    ),
    "gitlab, both files": {
        ".gitlab-ci.yml": GITLAB.format(BOTH, "'[ -f layers/$HASH.zip ] && cp layers/$HASH.zip build/layer.zip'")
    },
    "circleci, both files": {
        ".circleci/config.yml": """\
        jobs:
          build:
            steps:
              - run: cat backend/poetry.lock backend/requirements.txt > layer.key
              - save_cache:
                  key: layer-{{ checksum "layer.key" }}
                  paths: [build/layer.zip]
        """
    },
}


@pytest.mark.parametrize("files", FRESH.values(), ids=FRESH)
def test_a_key_may_be_made_like_this(files: dict[str, str], tmp_path: Path) -> None:
    assert found(tmp_path, files) == ()


def test_what_the_step_installs_from_counts_where_the_manifest_says_nothing(tmp_path: Path) -> None:
    (one,) = found(tmp_path, workflow(run(f"{LOCK}\n{GUARD}")), inputs=())

    assert one.inputs == ("backend/requirements.txt",)


def test_one_of_two_is_not_enough(tmp_path: Path) -> None:
    script = f"HASH=$(sha256sum backend/requirements.txt)\n{GUARD}"
    (one,) = found(tmp_path, workflow(run(script)), inputs=("backend/requirements.txt", "backend/base.txt"))

    assert (one.inputs, one.partly) == (("backend/base.txt",), True)


def test_a_script_may_hash_any_file_that_is_there_where_no_repository_is(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {"setup.cfg": "", "scripts/layer.sh": f"HASH=$(sha256sum setup.cfg)\n{GUARD}"})

    assert (one.keyed, one.inputs) == (("setup.cfg",), ("backend/requirements.txt",))
