"""Hooks of schemathesis: real values in some of the requests, so that not all are refused, and empty replies.

`FUZZ_VALUES` has the values as JSON: `path` has a list for each name of a path parameter, `body` has fields of bodies.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

VALUES: Final[dict[str, Any]] = json.loads(os.environ["FUZZ_VALUES"])


@schemathesis.hook
def flatmap_path_parameters(_: schemathesis.HookContext, given: Any) -> st.SearchStrategy[Any]:
    """The generated parameters, or real ones where some are known."""
    known = sorted(VALUES["path"].keys() & given.keys()) if isinstance(given, dict) else ()
    real = st.fixed_dictionaries({name: st.sampled_from(VALUES["path"][name]) for name in known})
    return st.one_of(real.map(lambda values: given | values), st.just(given)) if known else st.just(given)


@schemathesis.hook
def flatmap_case(_: schemathesis.HookContext, case: Any) -> st.SearchStrategy[Any]:
    """The generated case, or one with real fields in its body.

    A case that is meant to be refused stays as it is: with real fields, the server may be right to accept it.
    """
    is_wrong = case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE
    if is_wrong or not isinstance(case.body, dict):
        return st.just(case)

    def filled(real: dict[str, Any]) -> Any:
        case.body = case.body | real
        return case

    return st.one_of(st.sampled_from(VALUES["body"]).map(filled), st.just(case))


@schemathesis.hook
def after_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response) -> None:
    """Judge an empty reply to a webhook like an empty NCCO: OpenAPI has no word for a body that may be empty."""
    if case.path.startswith("/webhooks/") and response.status_code == 200 and not response.content:
        response.content = b"[]"
        response.headers["content-type"] = ["application/json"]
