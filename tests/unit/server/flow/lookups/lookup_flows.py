"""Loads a flow with one lookup and a step that uses it."""

from __future__ import annotations

from textwrap import dedent, indent

from ncco_server.flow.language.lookups import AskedLookup, LookupDefinition
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project

PATH = "flows/test.yaml"
STEP = "hello:\n  do: [{talk: Hello.}]\n  goto: end\n"
VARIABLES = """
vars:
  item: {type: text, default: ""}
  page: {type: url, default: ""}
  tries: {type: int, default: 0}
  answers: {type: list, default: []}
  pin: {type: text, sensitive: true}
"""
CALL = {
    "to": "442079460000",
    "from": "447700900123",
    "uuid": "aa",
    "sip": {},
    "custom_data": {},
    "region_url": "https://api-eu-3.vonage.com",
}
NAMES = {
    "call": CALL,
    "env": {"CRM_URL": "https://crm.example.com", "TOKEN": "s3cret"},
    "item": "A/1",
    "page": "https://elsewhere.example.com",
    "tries": 2,
    "answers": ["yes", 5],
    "pin": "4711",
}


def text_of(definition: str, step: str = STEP) -> str:
    """A flow file with the lookup `customer`."""
    inner = indent(dedent(definition).strip("\n"), "    ")
    head = f"flow: test\ndefault: true\nstart: hello\n{VARIABLES.strip()}\nlookups:\n  customer:\n{inner}\n"
    return f"{head}steps:\n{indent(dedent(step).strip(), '  ')}\n"


def project_of(definition: str, step: str = STEP) -> Project:
    """The project of the flow file."""
    return load({PATH: text_of(definition, step)})


def asked_of(definition: str, lookup: str = "customer") -> tuple[AskedLookup, ...]:
    """The lookups of a step, in a flow without errors."""
    step = f"hello:\n  lookup: {lookup}\n  do: [{{talk: Hello.}}]\n  goto: end\n"
    project = project_of(definition, step)
    assert not project.has_errors, project.issues
    return project.flows["test"].steps["hello"].asks


def definition_of(definition: str) -> LookupDefinition:
    """The lookup, which must have no error."""
    return asked_of(definition)[0].definition
