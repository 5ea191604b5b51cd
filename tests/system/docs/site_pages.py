"""What the documentation site needs beyond `mkdocs.yml`, which names this file under `hooks`.

- A nav entry that is a folder of docs/ becomes the pages in it, in the order of their names, `index.md` first.
- A link to a file of the project outside docs/ leads to a page of the site that shows the file; a README.md is shown
  with the files of its folder.
- The search finds such a page after those of docs/.
- A pipe in the code of a table, which GitHub wants behind a backslash, is shown without it.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tests.support.tracked import ROOT, tracked_files

DOCS: Final = "docs/"
SHOWN: Final = "files/"
"""Where the site shows files from outside docs/."""
SHOWN_BOOST: Final = 0.1
"""The search lists pages of docs/ before them."""

LANGUAGES: Final = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".py": "python", ".toml": "toml", ".j2": "jinja"}
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


_PIPED = re.compile(r"`(?P<code>[^`\n]*\\\|[^`\n]*)`")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The nav with the pages of its folders."""
    expanded = [_expanded(entry) for entry in config.nav or []]
    config.nav = [entry for entry in expanded if [] not in _values(entry)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of docs/, and a page for each file outside that one of them links to."""
    for path in sorted(linked_from(files)):
        files.append(File.generated(config, f"{SHOWN}{path}.md", content=shown(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links to files outside docs/ led to the pages that show them, and the pipes of its tables."""
    origin = origin_of(page.file.src_uri)
    if page.file.src_uri.startswith(SHOWN):
        page.meta["search"] = {"boost": SHOWN_BOOST}

    def lead(link: re.Match[str]) -> str:
        target = target_of(link["path"], origin)
        if target is None:
            return link[0]
        shown_at = target.removeprefix(DOCS) if target.startswith(DOCS) else f"{SHOWN}{target}.md"
        return posixpath.relpath(shown_at, posixpath.dirname(page.file.src_uri) or ".") + (link["anchor"] or "")

    return with_pipes(_LINK.sub(lead, markdown))


def with_pipes(markdown: str) -> str:
    """The page with `a \\| b` in a table as code that shows no backslash."""

    def show(found: re.Match[str]) -> str:
        code = html.escape(found["code"].replace("\\|", "|"), quote=False)
        return f"<code>{code.replace('|', '&#124;')}</code>"

    lines = (_PIPED.sub(show, line) if line.startswith("|") else line for line in markdown.split("\n"))
    return "\n".join(lines)


def linked_from(files: Files) -> set[str]:
    """Every file outside docs/ that a page links to, or a page that is shown for such a link."""
    found: set[str] = set()
    waiting = [f"{DOCS}{file.src_uri}" for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        new = {path for path in links_of(page) if not path.startswith(DOCS)} - found
        found |= new
        waiting += [path for path in new if path.endswith(".md")]
    return found


def links_of(page: str) -> Iterator[str]:
    """The files of the project that a page links to."""
    for link in _LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        target = target_of(link["path"], page)
        if target is not None:
            yield target


def target_of(link: str, page: str) -> str | None:
    """The file of the project that a link of `page` leads to; of a folder its README.md; None for anything else."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    known = tracked_files()
    return next((name for name in (path, f"{path}/README.md") if name in known), None)


def origin_of(src_uri: str) -> str:
    """The file of the project that a page of the site shows."""
    if src_uri.startswith(SHOWN):
        return src_uri.removeprefix(SHOWN).removesuffix(".md")
    return f"{DOCS}{src_uri}"


def shown(path: str) -> str:
    """A page that shows a file: a page as it is, with the files of its folder behind it; anything else as a block."""
    if not path.endswith(".md"):
        return f"# {path}\n\n{_block(path)}"
    folder = path.removesuffix("README.md")
    beside = [name for name in tracked_files() if folder not in ("", path) and name.startswith(folder) and name != path]
    files = (f"\n## {name.removeprefix(folder)}\n\n{_block(name)}" for name in beside)
    return (ROOT / path).read_text(encoding="utf-8") + "".join(files)


def _block(path: str) -> str:
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"````{language}\n{(ROOT / path).read_text(encoding='utf-8')}````\n"


def _values(entry: Any) -> list[Any]:
    return list(entry.values()) if isinstance(entry, dict) else []


def _expanded(entry: Any) -> Any:
    """A nav entry; the pages of a folder stand in place of the folder."""
    if not isinstance(entry, dict):
        return entry
    return {title: _pages_in(target) if isinstance(target, str) else target for title, target in entry.items()}


def _pages_in(target: str) -> str | list[str]:
    if target.endswith(".md"):
        return target
    pages = sorted((ROOT / DOCS / target).glob("*.md"), key=lambda page: (page.name != "index.md", page.name))
    return [f"{target}/{page.name}" for page in pages]
