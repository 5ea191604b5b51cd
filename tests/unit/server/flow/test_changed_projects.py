"""A typo anywhere in a project gives issues, never an exception."""

from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.loader import load
from tests.support.examples import examples

ROOT: Final = Path(__file__).parents[4]
FOLDERS: Final = (ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/flows")))
SIGNS: Final = "{{ }} {% %} : | ' \" [ ] { } - &a *a !x 0 é .. = == ( ) , ~ null no"
TYPED: Final = st.sampled_from(
    [*SIGNS.split(), ": ", " :", " #", "\n", "  ", "- ", "\t", "\r", "\x85", "<<: ", "goto: ", "talk: "]
)


def project_in(folder: Path) -> dict[str, str]:
    """Path → text of the flows and templates in `folder`."""
    files = (path for part in ("flows", "templates") for path in sorted((folder / part).rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


PROJECTS: Final = [project_in(folder) for folder in FOLDERS]


@examples(150)
@given(st.data())
def test_a_typo_anywhere_in_a_project_never_raises(data: st.DataObject) -> None:
    texts = dict(data.draw(st.sampled_from(PROJECTS)))
    path = data.draw(st.sampled_from(sorted(texts)))
    at = data.draw(st.integers(0, len(texts[path])))
    deleted = data.draw(st.integers(0, 5))
    texts[path] = texts[path][:at] + data.draw(TYPED) + texts[path][at + deleted :]

    project = load(texts, {}, extent="project")

    assert all(issue.message and issue.cure for issue in project.issues)
