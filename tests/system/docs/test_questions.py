"""What people ask about Vonage voice and NCCOs has an answer, and the site's search finds its page."""

from __future__ import annotations

from typing import Final, TypedDict

import yaml
from playwright.sync_api import Page

from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.headings import titles_of
from tests.system.docs.search import found_by


class Question(TypedDict):
    """A question, where it was asked, and the page of docs/ with the heading that answers it."""

    question: str
    source: str
    page: str
    heading: str


QUESTIONS: Final[list[Question]] = yaml.safe_load(text_of("tests/system/docs/questions.yaml"))
FIRST: Final = 3


def _words(question: Question) -> str:
    return question["question"]


def test_there_are_sixty_questions_with_their_sources() -> None:
    assert len({each["question"] for each in QUESTIONS}) >= 60
    assert all(each["source"].startswith("https://") for each in QUESTIONS)


@each_case("asked", QUESTIONS, ids=_words)
def test_the_heading_that_answers_a_question_exists(asked: Question) -> None:
    assert asked["heading"] in titles_of(f"docs/{asked['page']}")


@each_case("asked", QUESTIONS, ids=_words)
def test_the_search_finds_the_answer_by_the_words_of_the_question(page: Page, asked: Question) -> None:
    found = found_by(page, asked["question"])[:FIRST]

    assert any(path.endswith(f"/{asked['page'].removesuffix('.md')}.html") for path in found), found
