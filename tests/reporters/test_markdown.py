from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from harness.model import Completed, Report
from harness.reporters import FORMATS
from tests.reporters.reports import ALL, HOSTILE, MISSING, MIXED, PASSED, report, result

VERIFIED = """\
### Verified

| archive | source | zipped | unpacked | files | SHA-256 |
|---|---|---|---|---|---|
| code | <code>build/code.zip</code> | 0.2 MB | 0.8 MB | 131 | <code>1f2e3d4c5b6a</code> |
| layer | <code>build/layer.zip</code> | 49.6 MB | 143.1 MB | 4,210 | <code>1f2e3d4c5b6a</code> |
"""
ON = (
    "- **verified:** build/code.zip 1f2e3d4c5b6a, build/layer.zip 1f2e3d4c5b6a on python3.12, x86&#95;64, container "
    "engine, public.ecr.aws/lambda/python:3.12&#64;<!-- -->sha256:0123456789ab, Python 3.12.11"
)

PASSED_TEXT = f"""\
## Lambda artifact: PASS

**both functions start, the slowest, api, in 1.4 s; 3 checks passed, 1 not applicable**

{VERIFIED}
- **started:** api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
- **checked:** 3 checks passed, 1 not applicable
{ON}
- **passed:** archive-integrity, handler-imports (2)
- **not applicable:** required-files
"""

MIXED_TEXT = f"""\
## Lambda artifact: FAIL

**none of 2 functions starts; 1 warning (--strict); 1 check could not be done**

|  | severity | problem | for whom | where |
|---|---|---|---|---|
| 1 | error | No module named 'defusedxml' | stops both functions | \
<code>/var/task/app/services/carriers/usps.py:7</code> |
| 2 | warning | 3 files cannot be read by the function's user |  | <code>build/code.zip&#33;app/main.py</code> |

#### 1. No module named 'defusedxml'

```text
Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'
```

- **for whom:** stops both functions
- **where:** <code>/var/task/app/services/carriers/usps.py:7</code>
- **do:** Build the layer from requirements.txt again:<br>    pip install --target python -r requirements.txt
- **by:** <code>app.main → app.api.v1.tracking → app.services.carriers → app.services.carriers.usps</code>
- **why:** defusedxml is in requirements.txt, and in none of the layers
- **found by:** handler-imports, 2 functions: api, worker

#### 2. 3 files cannot be read by the function's user

- **where:** <code>build/code.zip&#33;app/main.py</code>
- **do:** Give them mode 644.
- **found by:** file-permissions

### Crashed: upload-size

KeyError: 'x'

```text
Traceback:
  File "checks.py", line 1
KeyError: 'x'
```

{VERIFIED}
- **started:** api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
- **waived:** 1 finding of shared-libraries (the GUI is never imported)
- **checked:** 3 checks passed, 1 not applicable
{ON}
- **not vouched:** No network was to be had.
- **note:** 1 waiver matched nothing.
- **passed:** archive-integrity, shared-libraries, handler-imports (1 of 3)
- **not applicable:** layer-count
"""


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name == "class" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(text: str) -> Page:
    parsed = Page()
    parsed.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    return parsed


@pytest.mark.parametrize(("given", "expected"), [(PASSED, PASSED_TEXT), (MIXED, MIXED_TEXT)], ids=["passed", "mixed"])
def test_golden(given: Report, expected: str) -> None:
    assert FORMATS["markdown"](given) == expected


@pytest.mark.parametrize("given", ALL.values(), ids=ALL)
def test_only_our_own_markup_takes_effect(given: Report) -> None:
    shown = page(FORMATS["markdown"](given))
    assert shown.tags <= {
        *("h2", "h3", "h4", "p", "br", "ul", "li", "strong", "code", "pre"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }


def test_hostile_text_is_shown_to_the_letter() -> None:
    shown = page(FORMATS["markdown"](HOSTILE))
    letters = "a|b `c` ```d``` <script>alert(1)</script> [x](javascript:1) <!-- @everyone #1 *b* _i_ \\| $x$ ~~s~~"
    # The comment after an @ splits the text for whoever looks for names to call on, and for nobody else.
    assert shown.text.count(letters) > 10
    assert "@everyone" not in "".join(
        line for line in FORMATS["markdown"](HOSTILE).split("\n") if line.startswith(("-", "|", "#"))
    )


def test_a_table_keeps_its_columns() -> None:
    rows = [line for line in FORMATS["markdown"](HOSTILE).split("\n") if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3, 6, 7}


@pytest.mark.slow
def test_a_comment_has_a_limited_size() -> None:
    findings = tuple(replace(MISSING, message=f"{number} {'x' * 5_000}") for number in range(500))
    text = FORMATS["markdown"](report(result("a", Completed(findings))))
    assert len(text) < 65_536
    assert "The details of 480 more problems are in the other reports." in text
