"""The document in which the server sends the console its counts."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class LookupFigures(NamedTuple):
    """A lookup in the last hour."""

    name: str
    asked: int
    failed: int
    late: int
    mean_ms: float


class ServerFigures(BaseModel):
    """The figures of the server on one host, of the last hour or since it started.

    Attributes:
        unanswered: webhooks that got 503 without the store.
        unstored: callers answered without the store, by what they heard: `error` or `failsafe`.
        refused: webhooks without a valid signature, by reason.
        median_s, p99_s: None without webhooks.
        lookups: most problems first.
        hook_tries, recording_tries, hooks, recordings: by outcome or state; see `web.metrics.Metrics`.
        last_backup, backup_due, jobs_failing_since: in seconds since 1970; 0 for never, or if none is expected.
    """

    model_config = ConfigDict(frozen=True)

    webhooks: int = 0
    failsafes: int = 0
    unanswered: int = 0
    unstored: dict[str, int] = {}
    refused: dict[str, int] = {}
    median_s: float | None = None
    p99_s: float | None = None
    lookups: tuple[LookupFigures, ...] = ()
    hook_tries: dict[str, int] = {}
    recording_tries: dict[str, int] = {}
    hooks: dict[str, int] = {}
    recordings: dict[str, int] = {}
    last_backup: float = 0.0
    backup_due: float = 0.0
    jobs_failing_since: dict[str, float] = {}
