"""Files for developers: tests, scripts, documentation, infrastructure."""

from __future__ import annotations

import re
from typing import Final

_FILES: Final = re.compile(
    r"(?:^|/)(?:tests?|testing|e2e|fixtures|scripts?|bin|tools|docs?|examples?|benchmarks?|notebooks|infra|cdk|deploy"
    r"|\.[^/]+)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|setup|noxfile|tasks|fabfile|locustfile|manage|gunicorn[\w.]*)\.py$"
)


def is_for_developers(path: str) -> bool:
    """Whether a file is there for developers alone: unless a handler reaches it, no function runs it."""
    return bool(_FILES.search(path))
