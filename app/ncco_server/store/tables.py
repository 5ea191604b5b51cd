"""The names of the tables."""

from __future__ import annotations

from typing import Final

VERSION_TABLE: Final = "ncco_schema"
"""A database that has our tables but not this one belongs to another program."""
RETENTION_TABLE: Final = "ncco_retention"
"""The default retention in days, for a server of the previous version after a roll back."""
PROBES_TABLE: Final = "probes"
"""It is always empty: a probe writes a row and deletes it."""
ADDITIONS_TABLE: Final = "ncco_additions"
"""The version of the additions."""
FORGOTTEN_TABLE: Final = "ncco_forgotten"
"""They recognise late webhooks of forgotten calls by hashes."""
RECORDINGS_TABLE: Final = "ncco_recordings"
BACKUPS_TABLE: Final = "ncco_backups"
PLACED_TABLE: Final = "ncco_placed"
ATTEMPTS_TABLE: Final = "ncco_attempts"
PLACING_TABLE: Final = "ncco_placing"
API_KEYS_TABLE: Final = "ncco_api_keys"
RESULTS_TABLE: Final = "ncco_results"
SUMS_TABLE: Final = "ncco_sums"
PROGRESS_TABLE: Final = "ncco_result_progress"
"""Only servers of the previous version use it."""
LEASES_TABLE: Final = "ncco_leases"
FUNCTION_RESULTS_TABLE: Final = "ncco_function_results"
ROWS_TABLE: Final = "ncco_rows"

TABLES: Final = (
    *("calls", "turns", "webhooks", "revisions", PROBES_TABLE, "hooks"),
    *(VERSION_TABLE, ADDITIONS_TABLE, RETENTION_TABLE, RECORDINGS_TABLE, BACKUPS_TABLE, FORGOTTEN_TABLE),
    *(PLACED_TABLE, ATTEMPTS_TABLE, PLACING_TABLE, API_KEYS_TABLE),
    *(RESULTS_TABLE, SUMS_TABLE, PROGRESS_TABLE, LEASES_TABLE, FUNCTION_RESULTS_TABLE, ROWS_TABLE),
)
