"""What people ask about Vonage voice and NCCOs has an answer. `test_site.py` shows that the search finds its page."""

from __future__ import annotations

from typing import Final, TypedDict

import yaml

from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.headings import titles_of


class Question(TypedDict):
    """A question, where it was asked, and the page of docs/ with the heading that answers it."""

    question: str
    source: str
    page: str
    heading: str


QUESTIONS: Final[list[Question]] = yaml.safe_load(text_of("tests/system/docs/questions.yaml"))


def words_of(question: Question) -> str:
    return question["question"]


def test_there_are_sixty_questions_with_their_sources() -> None:
    assert len({each["question"] for each in QUESTIONS}) >= 60
    assert all(each["source"].startswith("https://") for each in QUESTIONS)


@each_case("asked", QUESTIONS, ids=words_of)
def test_the_heading_that_answers_a_question_exists(asked: Question) -> None:
    assert asked["heading"] in titles_of(f"docs/{asked['page']}")
