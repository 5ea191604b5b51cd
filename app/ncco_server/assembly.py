"""Builds the parts of the service from the settings, for the server, its console and commands."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ncco_server.errors import SettingsError
from ncco_server.service.recording_files import BucketAddress, RecordingFiles, opened_bucket
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.service.turns import Policy
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import BUCKET_SECRETS
from ncco_server.settings.secrets import wait_keys


def policy_of(settings: Settings) -> Policy:
    """What the service needs of the settings. May create the key file next to the database. Raises SettingsError."""
    return Policy(
        wait_keys(settings),
        settings.failsafe,
        settings.flow_env,
        settings.dial_allow,
        keeps_recordings=settings.keeps_recordings,
        speed=settings.speed,
    )


def recording_files_of(settings: Settings) -> RecordingFiles | None:
    """The storage of recordings; None if recordings are not kept. Raises SettingsError."""
    if (bucket := settings.bucket) is not None:
        try:
            return opened_bucket(bucket, partial(with_current_keys, settings.env_file))
        except ValueError as error:
            cure = 'Run `pip install ".[s3]"` in a copy of the repository, or check AWS_REGION and AWS_ACCESS_KEY_ID.'
            raise SettingsError("NCCO_RECORDINGS", str(error), cure) from error
    return RecordingFolder(folder) if (folder := settings.recordings_folder) is not None else None


def with_current_keys(env_file: Path | None, bucket: BucketAddress) -> BucketAddress:
    """The bucket with keys read again, because others may replace them. Raises SettingsError, OSError."""
    fresh = load_settings(env_file)
    key_id, secret_key, token = (getattr(fresh, name).get_secret_value() for name in BUCKET_SECRETS)
    return bucket._replace(key_id=key_id, secret_key=secret_key, token=token)
