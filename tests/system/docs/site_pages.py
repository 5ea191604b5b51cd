"""What the documentation site needs beyond `mkdocs.yml`, which names this file under `hooks`.

- A link to a project file outside docs/ leads to a page of the site that shows the file. A README.md is shown
  together with the files in its folder.
- In search results, such pages come after those of docs/.
- `llms.txt` lists all pages with their first sentence, as the nav groups them.
- A pipe in code in a table, which GitHub requires to be escaped with a backslash, is shown without the backslash.
- Output, and excerpts with a line `...`, have no button that copies them.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tests.support.tracked import ROOT, tracked_files

DOCS: Final = "docs/"
SHOWN: Final = "files/"
"""The site's folder for files from outside docs/."""
SHOWN_BOOST: Final = 0.1
"""Ranks these files below the pages of docs/ in search results."""

LANGUAGES: Final = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".py": "python", ".toml": "toml", ".j2": "jinja"}
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
_LINKED = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_NO_SENTENCE = ("<", "|", "```", "#", "-", "!")
_OUTPUT = re.compile(r"^(```(?:sh|bash|python)\b(?:(?!^```$).)*^```\n```)(text|json)$", re.MULTILINE | re.DOTALL)
_EXCERPT = re.compile(r"^```(\w+)((?: \w+=\"[^\"\n]*\")*)$(?=(?:(?!^```$).)*^ *\.\.\.$)", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(r"\A---\n.*?^---\n+", re.MULTILINE | re.DOTALL)
_PIPED = re.compile(r"`(?P<code>[^`\n]*\\\|[^`\n]*)`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside docs/ that a page links to."""
    for path in sorted(linked_from(files)):
        files.append(File.generated(config, f"{SHOWN}{path}.md", content=shown(path)))
    files.append(File.generated(config, "llms.txt", content=llms(config)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to files outside docs/ at the pages that show them, and unescape the pipes in tables."""
    origin = origin_of(page.file.src_uri)
    if page.file.src_uri.startswith(SHOWN):
        page.meta["search"] = {"boost": SHOWN_BOOST}
    if page.file.src_uri in config.extra["asked"]:
        page.meta["tags"] = config.extra["asked"][page.file.src_uri]

    def lead(link: re.Match[str]) -> str:
        target = target_of(link["path"], origin)
        if target is None:
            return link[0]
        shown_at = target.removeprefix(DOCS) if target.startswith(DOCS) else f"{SHOWN}{target}.md"
        return posixpath.relpath(shown_at, posixpath.dirname(page.file.src_uri) or ".") + (link["anchor"] or "")

    return with_copy_buttons(with_pipes(_LINK.sub(lead, markdown)))


def with_copy_buttons(markdown: str) -> str:
    """Mark the blocks that nobody can use elsewhere, so that the theme gives them no button."""
    return _EXCERPT.sub(r"``` { .\1 .no-copy\2 }", _OUTPUT.sub(r"\1 { .\2 .no-copy }", markdown))


def with_pipes(markdown: str) -> str:
    """Replace `a \\| b` in the tables of a page by code that shows no backslash."""

    def show(found: re.Match[str]) -> str:
        code = html.escape(found["code"].replace("\\|", "|"), quote=False)
        return f"<code>{code.replace('|', '&#124;')}</code>"

    lines = (_PIPED.sub(show, line) if line.startswith("|") else line for line in markdown.split("\n"))
    return "\n".join(lines)


def llms(config: MkDocsConfig) -> str:
    """The nav in the format of llmstxt.org."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}"]
    for entry in config.nav or []:
        ((group, pages),) = entry.items()
        lines += ["", f"## {group}", ""]
        for page in [pages] if isinstance(pages, str) else pages:
            path = page if isinstance(page, str) else next(iter(page.values()))
            markdown = _HEAD.sub("", (ROOT / DOCS / path).read_text(encoding="utf-8"))
            title, _, text = markdown.removeprefix("# ").partition("\n")
            lines.append(f"- [{title}]({path.removesuffix('.md')}.html): {_first_sentence(text)}")
    return "\n".join(lines) + "\n"


def linked_from(files: Files) -> set[str]:
    """Every file outside docs/ that a page links to, directly or through another such file."""
    found: set[str] = set()
    waiting = [f"{DOCS}{file.src_uri}" for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        new = {path for path in links_of(page) if not path.startswith(DOCS)} - found
        found |= new
        waiting += [path for path in new if path.endswith(".md")]
    return found


def links_of(page: str) -> Iterator[str]:
    """The project's files that a page links to."""
    for link in _LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        target = target_of(link["path"], page)
        if target is not None:
            yield target


def target_of(link: str, page: str) -> str | None:
    """The project file that a link on `page` leads to (for a folder, its README.md); None for anything else."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    known = tracked_files()
    return next((name for name in (path, f"{path}/README.md") if name in known), None)


def origin_of(src_uri: str) -> str:
    """The project file that a page of the site shows."""
    if src_uri.startswith(SHOWN):
        return src_uri.removeprefix(SHOWN).removesuffix(".md")
    return f"{DOCS}{src_uri}"


def shown(path: str) -> str:
    """A page that shows a file: Markdown as it is, with the other files in its folder; anything else as a block."""
    if not path.endswith(".md"):
        return f"# {path}\n\n{_block(path)}"
    folder = path.removesuffix("README.md")
    beside = [name for name in tracked_files() if folder not in ("", path) and name.startswith(folder) and name != path]
    files = (f"\n## {name.removeprefix(folder)}\n\n{_block(name)}" for name in beside)
    return (ROOT / path).read_text(encoding="utf-8") + "".join(files)


def _block(path: str) -> str:
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"````{language}\n{(ROOT / path).read_text(encoding='utf-8')}````\n"


def _first_sentence(markdown: str) -> str:
    """The first sentence of a page below its title, without links."""
    paragraphs = (part.strip() for part in markdown.split("\n\n"))
    kept = (part for part in paragraphs if not part.startswith(_NO_SENTENCE) and not _LINKED.fullmatch(part))
    text = next(filter(None, kept))
    return re.split(r"(?<=[.?]) ", _LINKED.sub(r"\1", " ".join(text.split())))[0].removesuffix(":")
