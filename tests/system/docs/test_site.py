"""The documentation site: it builds without a warning, loads nothing from other hosts, and its search works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from playwright.sync_api import Page

from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.blocks import pages
from tests.system.docs.search import found_by
from tests.system.docs.site_pages import links_of, origin_of, shown, target_of, with_copy_buttons, with_pipes
from tests.system.docs.test_questions import QUESTIONS, Question, words_of

LOADED = re.compile(r"""(?:\bsrc=["']?|<link[^>]+href=["']?|url\(["']?|@import ["']?)(?:https?:)?//[^"' )>]+""")


def test_every_page_of_docs_is_on_the_site(site: Path) -> None:
    due = [page.removeprefix("docs/").removesuffix(".md") for page in pages() if page.startswith("docs/")]

    assert [] == [name for name in due if not (site / f"{name}.html").is_file()]


def test_llms_txt_has_the_first_sentence_of_every_page(site: Path) -> None:
    lines = [line for line in (site / "llms.txt").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    described = dict(line.removeprefix("- [").split("]", 1) for line in lines)

    assert len([page for page in pages() if page.startswith("docs/")]) == len(lines)
    assert "(reference/python.html): What Python code can import." == described["Python"]
    assert described["Voicemail, mail and Slack"].endswith(": As on an answering machine.")
    assert described["Back up, restore and move"].startswith("(how-to/backup.html): `ncco backup` writes the calls")


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    texts = {path: path.read_text(encoding="utf-8") for suffix in ("html", "css") for path in site.rglob(f"*.{suffix}")}

    assert [] == [(path.name, found) for path, text in texts.items() for found in LOADED.findall(text)]


def test_the_pattern_finds_resources_from_other_hosts() -> None:
    assert LOADED.search('<script src="https://cdn.example.com/a.js">')
    assert LOADED.search('<link rel="stylesheet" href="//cdn.example.com/a.css">')


def test_a_file_outside_docs_that_a_page_links_to_is_shown(site: Path) -> None:
    text = (site / "files/benchmarks/flows/frontdesk.yaml.html").read_text(encoding="utf-8")

    assert "files/benchmarks/flows/frontdesk.yaml.html" in (site / "performance.html").read_text(encoding="utf-8")
    assert "frontdesk" in text


def test_the_readme_of_a_folder_is_shown_with_its_files() -> None:
    text = shown("examples/acme/README.md")

    assert "\n## flows/shared.yaml\n\n````yaml\n" in text
    assert text.index("# Acme") < text.index("\n## flows/acme.yaml\n")
    assert "\n## " not in shown("CONTRIBUTING.md").partition("## Release")[2]


def test_links_are_followed_from_the_place_of_their_page() -> None:
    assert "flows/pin.yaml" == target_of("../flows/pin.yaml", "docs/flows.md")
    assert "examples/acme/README.md" == target_of("../../examples/acme", "docs/how-to/menu.md")
    assert target_of("nothing.md", "docs/flows.md") is None
    assert "docs/glossary.md" in links_of("CONTRIBUTING.md")


def test_a_page_that_shows_a_file_knows_its_path() -> None:
    assert "flows/pin.yaml" == origin_of("files/flows/pin.yaml.md")
    assert "docs/flows.md" == origin_of("flows.md")
    assert shown("flows/pin.yaml").startswith("# flows/pin.yaml\n\n````yaml\n")


def test_a_pipe_in_the_code_of_a_table_has_no_backslash() -> None:
    assert "| <code>a &#124; b&lt;c</code> | d |" == with_pipes(r"| `a \| b<c` | d |")
    assert r"`a \| b` in a line" == with_pipes(r"`a \| b` in a line")


def test_output_and_excerpts_are_not_copied() -> None:
    command, whole = "```bash\nncco check\n```\n", '```yaml title="a.yaml"\nflow: a\n```\n'
    excerpt = '```python title="a.py"\na\n    ...\nb\n```\n'

    assert command + "``` { .text .no-copy }\nno issues\n```\n" == with_copy_buttons(
        command + "```text\nno issues\n```\n"
    )
    assert '``` { .python .no-copy title="a.py" }\na\n    ...\nb\n```\n' == with_copy_buttons(excerpt)
    assert whole + excerpt[:3] == with_copy_buttons(whole + excerpt)[: len(whole) + 3]
    assert command + whole == with_copy_buttons(command + whole)


def test_no_button_copies_output(site: Path) -> None:
    text = (site / "how-to/prove.html").read_text(encoding="utf-8")

    assert 2 <= len(re.findall(r'<div class="no-copy highlight">', text))
    assert '<div class="highlight"><pre' in text


# The search, which must work even if the site is opened from a folder


FOUND = {
    "ivr": "index",
    "ngrok": "how-to/your-phone-rings",
    "twilio": "how-to/coming-from",
    "forward": "how-to/connect",
    "call forwarding": "how-to/connect",
    "caller id": "how-to/connect",
    "callback": "how-to/place",
    "call back": "how-to/place",
    "voicemail": "how-to/voicemail",
    "answering machine": "(faq|how-to/voicemail)",
    "recording": "how-to/(voicemail|recordings)",
    "hold music": "how-to/(connect|voices)",
    "opening hours": "how-to/hours",
    "business hours": "how-to/hours",
    "whisper": "how-to/connect",
    "email": "how-to/voicemail",
    "gdpr": "security",
    "certificate": "how-to/(docker|one-host)",
}
"""Search terms, and a pattern for a page that must be among the first results."""
FIRST = 4
ASKED: Mapping[str, Sequence[str]] = yaml.safe_load(text_of("mkdocs.yml"))["extra"]["asked"]


@each_case("typed", [phrase for phrases in ASKED.values() for phrase in phrases])
def test_the_search_shows_first_what_the_site_names_for_a_phrase(page: Page, typed: str) -> None:
    (wanted,) = (path for path, phrases in ASKED.items() if typed in phrases)

    assert f"/{wanted.replace('.md', '.html')}" in found_by(page, typed)[0]


@each_case("typed", FOUND)
def test_the_search_of_the_folder_finds_what_people_type(page: Page, typed: str) -> None:
    links = found_by(page, typed)

    assert any(re.search(f"/{FOUND[typed]}.html$", link) for link in links[:FIRST]), links[:FIRST]


@each_case("asked", QUESTIONS, ids=words_of)
def test_the_search_finds_the_answer_by_the_words_of_the_question(page: Page, asked: Question) -> None:
    found = found_by(page, asked["question"])[:3]

    assert any(path.endswith(f"/{asked['page'].removesuffix('.md')}.html") for path in found), found
