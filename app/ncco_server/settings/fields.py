"""Every setting: its type, range and effect. `Cure` is the fix for a wrong value."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from ncco_server.errors import SettingsError
from ncco_server.flow.files import BUDGET_MS, HANDLERS_CURE, read_handlers
from ncco_server.settings import values
from ncco_server.settings.logins import Login, Role
from ncco_server.store import database_file

PREFIX: Final = "NCCO_"
_EVERY_ADDRESS: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
BUCKET_SECRETS: Final = ("s3_key_id", "s3_secret_key", "s3_session_token")
SECRETS: Final = (
    "key",
    "key_previous",
    "hook_secret",
    "hook_secret_previous",
    "signature_secret",
    "signature_secret_previous",
    "smtp_url",
    *BUCKET_SECRETS,
)
"""They may be in files, and may change while the server runs."""
PLACEHOLDER_SECRET: Final = "the signature secret of the Vonage dashboard"  # noqa: S105 - a placeholder
"""As written in the guides."""
UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True, slots=True)
class Cure:
    """What to write instead of a wrong value, in one sentence."""

    text: str


class VoiceAccess(NamedTuple):
    """Access to the API that places calls, of Vonage or a virtual Vonage on this machine. The key is PEM."""

    api_url: str
    application_id: str
    private_key: str


_AnyCase = BeforeValidator(values.read_word)
_PORT: Final = (Field(ge=0, le=65535), Cure("Write a whole number from 0 to 65535, such as 8000."))
_Host = Annotated[
    str,
    AfterValidator(values.read_host),
    Cure("Write only an address, such as 127.0.0.1; the port is a separate setting."),
]
_Switch = Annotated[bool, Cure("Write 1 or 0.")]


def _read_by(read: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda secret: SecretStr(read(secret.get_secret_value())))


_COPY: Final = Cure("Copy the signature secret from the API settings of the Vonage dashboard.")
_COPY_API: Final = Cure("Copy the API secret from the API settings of the Vonage dashboard.")
_ENCODE: Final = Cure("Write whsec_ and 24 to 64 random bytes in base64; `openssl rand -base64 32` prints some.")
_Secret = Annotated[SecretStr, _read_by(values.read_secret), _COPY]
_HookSecret = Annotated[SecretStr, _read_by(values.read_hook_secret), _ENCODE]
_PasswordHash = Annotated[
    SecretStr,
    _read_by(values.read_password_hash),
    Cure("Copy the whole line that `ncco console password` prints, with its single quotes."),
]
_COPY_S3: Final = Cure("Copy the key from your storage provider.")
_S3Secret = Annotated[SecretStr, _read_by(values.secret_text), _COPY_S3]
_Key = Annotated[SecretStr, _read_by(values.read_key), Cure("Write at least 32 random characters.")]


class Variables(BaseModel):
    """The settings that are variables of the environment or of `.env`. `load_settings` reads them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        loc_by_alias=False,
        validate_default=True,
        hide_input_in_errors=True,
    )

    host: _Host = "127.0.0.1"
    """Address to listen on. 0.0.0.0 means all addresses of the machine."""
    port: Annotated[int, *_PORT] = 8000
    """Port to listen on, 0 to 65535; 0 picks any free port."""
    public_url: Annotated[
        str,
        AfterValidator(values.read_public_url),
        Cure("Write the address at which Vonage reaches this server, such as https://calls.example.com."),
    ] = ""
    """URL at which Vonage reaches this server; every callback URL starts with it. Optional with `--dev`."""
    flows: Annotated[Path, Cure("Write the path of a folder, or of a Python file.")] = Path("flows")
    """Folder with the flow files; or a Python file with handlers, beside which `flows` may have more."""
    templates: Annotated[Path, Cure("Write the path of a folder.")] = Path("templates")
    """Folder with the Jinja2 templates."""
    database_url: Annotated[
        str,
        AfterValidator(values.read_database_url),
        Cure(
            "Write sqlite:///ncco.db (a path after three slashes), postgresql://user:password@host/database, or "
            "memory:// to keep nothing."
        ),
    ] = "sqlite:///ncco.db"
    """Where calls are stored: `sqlite:///path` (with four slashes for an absolute path),
    `postgresql://user:password@host/database?sslmode=verify-full&sslrootcert=/etc/ncco/ca.pem` for several hosts (the
    file has the certificate of the authority that signed that of PostgreSQL), or `memory://`.
    """
    retention_days: Annotated[
        int, Field(ge=0, le=36_500), Cure("Write a whole number of days, such as 90, or 0 to keep all calls.")
    ] = 90
    """Number of days after a call's last webhook until the call is deleted, 1 to 36500. 0 keeps all calls."""
    backup_days: Annotated[
        int, Field(ge=0, le=36_500), Cure("Write a whole number of days, such as 7, or 0 if others make the backups.")
    ] = 7
    """Greatest age in days of the last `ncco backup`, 0 to 36500. After that, and if none was ever made, *Health* and
    the alert `NccoBackupOld` report it. 0: other programs back up the database. With PostgreSQL or `--dev`, no
    backup is expected.
    """
    recordings: Annotated[
        str,
        AfterValidator(values.read_recordings),
        Cure("Write the path of a folder, s3://bucket/prefix, or off."),
    ] = ""
    """Where recordings are kept: a folder, `s3://bucket/prefix` (S3-compatible storage), or `off`. Not set:
    `ncco.db-recordings` next to the SQLite database `ncco.db`, otherwise `recordings`. Several hosts need a bucket or a
    shared folder.
    """
    s3_endpoint: Annotated[
        str,
        AfterValidator(values.read_s3_endpoint),
        Cure("Write the address of your storage, such as https://s3.example.com."),
    ] = ""
    """URL of the S3-compatible storage, without a path. Not needed for Amazon S3. Must be https, except for this
    machine, private addresses and names without dots.
    """
    media_url: Annotated[
        str,
        AfterValidator(values.read_media_url),
        Cure("Write the address of your proxy, such as https://media.example.com."),
    ] = ""
    """URL of a host, such as a proxy, that recordings may be fetched from in addition to vonage.com and nexmo.com. The
    host receives the application's token. https, or http on this machine; without a path.
    """
    lookup_budget_ms: Annotated[
        int, Field(ge=0, le=3500), Cure("Write milliseconds, 0 to 3500: Vonage waits 5 seconds for the whole reply.")
    ] = BUDGET_MS
    """Time limit for all lookups of one webhook together in milliseconds, 0 to 3500."""
    private_hosts: Annotated[
        tuple[str, ...],
        BeforeValidator(values.read_hosts),
        Cure("Write host names separated by commas, such as crm.corp.example.com."),
    ] = ()
    """Host names, separated by commas, that are allowed to resolve to private addresses. `localhost` and names without
    dots are always allowed to.
    """
    python_lookups: Annotated[
        tuple[str, ...],
        BeforeValidator(values.read_modules),
        Cure("Write module names separated by commas, such as crm,shop.stock, without function names."),
    ] = ()
    """Python modules, separated by commas, whose functions lookups with `python` may call. Not set: none. Anyone who
    can edit flows, in files or in the console, can call every function of these modules with any arguments.
    """
    python_flows: Annotated[
        tuple[str, ...],
        BeforeValidator(read_handlers),
        Cure(HANDLERS_CURE),
    ] = ()
    """Files in `NCCO_FLOWS` with calls in Python, separated by commas, whose code may run. Not set: none. The code runs
    as the user of the server, so nobody else should be able to change these files.
    """
    default: Annotated[str, Cure("Write the name of a template with `{# line #}`, such as hello.")] = ""
    """The template with `{# line #}` that answers calls to all numbers that no flow lists, without `.json.j2`. Not set:
    the flow with `default: true`, if there is one.
    """
    dial_allow: Annotated[
        tuple[str, ...],
        BeforeValidator(values.read_prefixes),
        Cure("Write prefixes of international numbers, separated by commas, such as 44,4930."),
    ] = ()
    """Prefixes, separated by commas, of the computed numbers that may be dialled. Numbers written in a flow are always
    allowed.

    A premium-rate or satellite number needs a prefix that includes its whole premium-rate or satellite prefix. A
    directory number, such as 44118500, must be listed whole.
    """
    failsafe: Annotated[
        tuple[Mapping[str, Any], ...],
        BeforeValidator(values.read_failsafe),
        Cure("Write the text to say, or an NCCO as JSON."),
    ] = Field(default_factory=lambda: values.read_failsafe(values.DEFAULT))
    """What a caller hears if no flow can be played: a text to say, or an NCCO as JSON."""
    insecure: _Switch = False
    """1 lets the server start without a signature secret, even without `--dev`. Anyone can then send webhooks."""
    key: _Key = SecretStr("")
    """Secret that signs callback URLs and encrypts the sensitive params of placed calls. Not set: derived from the
    signature secret; without a signature secret, generated and kept next to the database.
    """
    key_previous: _Key = SecretStr("")
    """The previous secret, during a rotation. Callback URLs of running calls stay valid, and waiting calls readable."""
    hook_secret: _HookSecret = SecretStr("")
    """Secret that signs hooks as Standard Webhooks defines (`whsec_...`). Not set: hooks are not signed."""
    hook_secret_previous: _HookSecret = SecretStr("")
    """The previous hook secret, during a rotation. Hooks are then signed with both."""
    hook_tries: Annotated[int, Field(ge=1, le=50), Cure("Write a whole number from 1 to 50.")] = 10
    """Maximum number of attempts to deliver a hook before it is parked, 1 to 50; ten attempts take 19 hours. See `ncco
    hooks`.
    """
    api_host: _Host = "127.0.0.1"
    """Address that the API for programs listens on. The API has no TLS of its own."""
    api_port: Annotated[int | None, *_PORT] = None
    """Port of the API for programs: placed calls, rows of tables. Not set: there is no API. See `ncco api-key`."""
    place_per_minute: Annotated[int, Field(ge=1, le=180), Cure("Write a whole number from 1 to 180.")] = 60
    """Maximum number of calls that all hosts together place in a minute, 1 to 180; Vonage accepts 3 calls a second."""
    place_per_day: Annotated[int, Field(ge=1, le=200_000), Cure("Write a whole number from 1 to 200000.")] = 1000
    """Maximum number of calls that all hosts together place in 24 hours."""
    smtp_url: Annotated[
        SecretStr,
        _read_by(values.read_smtp_url),
        Cure("Write smtps://user:password@host or, with STARTTLS, smtp://user:password@host:587."),
    ] = SecretStr("")
    """Mail server for hooks with `mail`: `smtps://user:password@host` (port 465), or `smtp://` (port 587, STARTTLS).

    TLS is required unless the host is this machine.
    """
    mail_from: Annotated[
        str, AfterValidator(values.read_mail_address), Cure("Write one address, such as phone@example.com.")
    ] = ""
    """Sender address of emails from hooks."""
    log: Annotated[Literal["json", "pretty", "auto"], _AnyCase, Cure("Write json, pretty or auto.")] = "auto"
    """Log format: json, pretty or auto. auto is json unless the output is a terminal; there it is pretty, which is for
    people. With `--dev`, pretty also shows callers' numbers, keypresses and words, except sensitive ones.
    """
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _AnyCase, Cure("Write debug, info, warning or error.")
    ] = "info"
    """Minimum severity of log lines: debug, info, warning or error. Each webhook is an info line."""
    metrics_host: _Host = "127.0.0.1"
    """Address to serve metrics on."""
    metrics_port: Annotated[int | None, *_PORT] = None
    """Port that serves only `/metrics`. Not set: only `--dev` serves metrics, on the port of the webhooks."""
    reload: _Switch = True
    """1 reloads the flows and templates when their files change, if they have no errors."""
    drain_s: Annotated[int, Field(ge=0, le=300), Cure("Write a whole number of seconds from 0 to 300.")] = 0
    """How long the port stays open after SIGTERM while `/readyz` returns 503, in seconds, 0 to 300.

    If a load balancer polls `/readyz`, set this a little higher than the time that the load balancer takes to notice.
    """
    body_limit: Annotated[int, Field(ge=1024, le=67_108_864), Cure("Write bytes, 1024 to 67108864.")] = 1_048_576
    """Maximum size of a request body in bytes, 1024 to 67108864."""
    vonage_api_url: Annotated[
        str,
        AfterValidator(values.read_api_url),
        Cure("Write https://api.nexmo.com; the API secret is only sent to vonage.com, nexmo.com and this machine."),
    ] = "https://api.nexmo.com"
    """URL of Vonage's API for placed calls, `ncco doctor` and `ncco go-live`: a host of vonage.com or nexmo.com, or a
    stand-in on this machine such as `ncco vonage`. `--dev` places calls with a virtual Vonage of its own.
    """

    demo: _Switch = False
    """1 for a demonstration with simulated calls, from `ncco init --demo`: the console says so on every page, and
    `ncco go-live` refuses it.
    """
    console: _Switch = True
    """0 disables the console. Without `--dev`, it also needs a password."""
    console_host: _Host = "127.0.0.1"
    """Address that the console listens on. Any address other than 127.0.0.1 is meant for containers and requires a
    login. Browsers reach the console at `NCCO_CONSOLE_URL`, or through a port on their own machine.
    """
    console_port: Annotated[int, *_PORT] = 8001
    """Port of the console, 0 to 65535; 0 picks any free port.

    Not set: `--dev` uses the port after `NCCO_PORT`, or any free port if that one is in use.
    """
    console_url: Annotated[
        str,
        AfterValidator(values.read_console_url),
        Cure("Write the address at which a proxy serves the console, such as https://console.example.com."),
    ] = ""
    """URL at which a proxy serves the console: https, without a path. Not needed with an SSH tunnel."""
    console_password_hash: _PasswordHash = SecretStr("")
    """Hash of the shared console password that allows changes. `ncco console password` prints the hash."""
    console_viewer_password_hash: _PasswordHash = SecretStr("")
    """Hash of the shared console password for viewing and listening only."""
    console_logins: Annotated[Path, Cure("Write the path of a file.")] = Path("console-logins.json")
    """File with the named console logins, written by `ncco console password --name`. The file need not exist. In
    Docker, it is on the volume.
    """

    s3_region: Annotated[
        str, AfterValidator(values.read_plain), Cure("Write the name of the region, such as eu-central-1.")
    ] = Field(default="", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    """Region of the bucket, such as eu-central-1, or the provider's own name for it (auto, garage). Also read from
    AWS_DEFAULT_REGION. Not set: us-east-1.
    """
    s3_key_id: Annotated[SecretStr, _read_by(values.read_plain), _COPY_S3] = Field(
        default=SecretStr(""), validation_alias="AWS_ACCESS_KEY_ID"
    )
    """Access key ID for the bucket. Not set: the role of the machine, container or pod."""
    s3_secret_key: _S3Secret = Field(default=SecretStr(""), validation_alias="AWS_SECRET_ACCESS_KEY")
    """Secret access key for the bucket."""
    s3_session_token: _S3Secret = Field(default=SecretStr(""), validation_alias="AWS_SESSION_TOKEN")
    """Session token, if the credentials for the bucket are temporary."""

    application_id: str = Field(default="", validation_alias="VONAGE_APPLICATION_ID")
    """ID of the Vonage application. Signed webhooks of other applications are refused."""
    api_key: str = Field(default="", validation_alias="VONAGE_API_KEY")
    """API key of the Vonage account. Signed webhooks of other accounts are refused."""
    api_secret: Annotated[SecretStr, _read_by(values.secret_text), _COPY_API] = Field(
        default=SecretStr(""), validation_alias="VONAGE_API_SECRET"
    )
    """API secret of the account. Only used by `ncco doctor` and `ncco go-live`."""
    private_key: Annotated[
        SecretStr,
        _read_by(values.read_private_key),
        Cure("Write the path of the application's private.key, or the key itself."),
    ] = Field(default=SecretStr(""), validation_alias="VONAGE_PRIVATE_KEY")
    """Private key of the application: a path or the PEM text. Signs requests for recordings and placed calls."""
    signature_secret: _Secret = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("VONAGE_SIGNATURE_SECRET", "VONAGE_API_SIGNATURE_SECRET"),
    )
    """Signature secret of the account; webhooks must be signed with it. Also read from VONAGE_API_SIGNATURE_SECRET.

    A secret of fewer than 32 characters causes a warning.
    """
    signature_secret_previous: _Secret = Field(
        default=SecretStr(""), validation_alias="VONAGE_SIGNATURE_SECRET_PREVIOUS"
    )
    """The previous signature secret, during a rotation. Webhooks signed with it are still accepted."""


class Settings(Variables):
    """The settings of a server, read once: its variables, where they were read, and what a command adds."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    flow_env: Mapping[str, str] = Field(default={}, repr=False)
    """The names lack the prefix `FLOW_`."""
    env_file: Path | None = None
    warnings: tuple[SettingsError, ...] = ()
    """Values that are valid but probably not intended."""
    speed: float = 1.0
    """How many times as fast the pauses between attempts to place a call pass; 1 unless in development."""
    has_virtual_vonage: bool = False
    virtual_vonage: VoiceAccess | None = Field(default=None, repr=False)
    """None places no calls if `has_virtual_vonage`."""

    @property
    def kept_for(self) -> timedelta | None:
        """How long calls are kept; None means forever."""
        return timedelta(days=self.retention_days) if self.retention_days else None

    def with_absolute_paths(self) -> Self:
        """For a process that runs authors' code, which may change the working directory."""
        paths: dict[str, Any] = {
            name: path.absolute()
            for name in ("flows", "templates", "console_logins", "env_file")
            if (path := getattr(self, name)) is not None
        }
        if (database := database_file(self.database_url)) is not None:
            paths["database_url"] = f"sqlite:///{database.absolute()}"
        if (recordings := self.recordings_folder) is not None:
            paths["recordings"] = str(recordings.absolute())
        return self.model_copy(update=paths)

    @property
    def is_signed(self) -> bool:
        return bool(self.signature_secret.get_secret_value())

    @property
    def signature_secrets(self) -> tuple[str, ...]:
        """The current one first; empty if webhooks need not be signed."""
        return _texts(self.signature_secret, self.signature_secret_previous)

    @property
    def hook_secrets(self) -> tuple[str, ...]:
        """The current one first; empty if hooks are not signed."""
        return _texts(self.hook_secret, self.hook_secret_previous)

    @property
    def recordings_folder(self) -> Path | None:
        """None if recordings are in a bucket or not kept."""
        if self.recordings:
            return None if self.recordings == "off" or self.has_bucket else Path(self.recordings).expanduser()
        if (database := database_file(self.database_url)) is not None:
            return database.with_name(f"{database.name}-recordings")
        return None if self.has_memory_store else Path("recordings")

    @property
    def has_bucket(self) -> bool:
        return self.recordings.startswith("s3://")

    @property
    def keeps_recordings(self) -> bool:
        return self.has_bucket or self.recordings_folder is not None

    @property
    def missing_to_fetch(self) -> tuple[str, ...]:
        given = {"private_key": self.private_key.get_secret_value(), "application_id": self.application_id}
        return tuple(variable(name) for name, value in given.items() if not value)

    @property
    def shared_logins(self) -> tuple[Login, ...]:
        return tuple(Login("", role, hash_) for role, hash_ in self._password_hashes.items())

    @property
    def _password_hashes(self) -> dict[Role, str]:
        hashes: dict[Role, SecretStr] = {
            "listen": self.console_viewer_password_hash,
            "change": self.console_password_hash,
        }
        return {role: text for role, hash_ in hashes.items() if (text := hash_.get_secret_value())}

    @property
    def has_logins(self) -> bool:
        return bool(self._password_hashes) or os.access(self.console_logins, os.F_OK)

    @property
    def has_memory_store(self) -> bool:
        return self.database_url.lower().startswith("memory:")

    def has_console(self, dev: bool) -> bool:
        """In production, the console needs a password."""
        return self.console and (dev or self.has_logins)

    @property
    def base_url(self) -> str:
        """Without a trailing slash."""
        return self.public_url or self.address

    @property
    def address(self) -> str:
        return _url_of(self.host, self.port)

    @property
    def has_local_vonage(self) -> bool:
        """A stand-in on this machine can reach the loopback address."""
        return values.is_loopback(urlsplit(self.vonage_api_url).hostname or "")

    @property
    def console_address(self) -> str:
        return _url_of(self.console_host, self.console_port)

    @property
    def console_link(self) -> str:
        return f"{self.console_url or self.console_address}/"

    @property
    def shared_secrets(self) -> tuple[str, ...]:
        """Those that all hosts share, the current ones first.

        The public URL is part of them, because all deployments of an account have the same signature secret.
        """
        shared = (f"{secret}\0{self.public_url}" for secret in self.signature_secrets)
        return (*_texts(self.key, self.key_previous), *shared)


def _texts(*secrets: SecretStr) -> tuple[str, ...]:
    return tuple(filter(None, (each.get_secret_value() for each in secrets)))


def _url_of(host: str, port: int) -> str:
    host = _EVERY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def variable(field: str) -> str:
    alias = Variables.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else PREFIX + field.upper()
