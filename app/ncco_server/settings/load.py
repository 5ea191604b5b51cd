"""Loads the settings, and reports wrong values with their fixes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr, ValidationError

from ncco_server.errors import SettingsError
from ncco_server.flow.files import HANDLER_SUFFIX, is_deployed
from ncco_server.settings import values
from ncco_server.settings.fields import PREFIX, SECRETS, Cure, Settings, Variables, variable
from ncco_server.settings.safety import PUBLIC_URL_CURE, unreachable, weak_secrets
from ncco_server.settings.secrets import FILE_SUFFIX, named_files, read_file
from ncco_server.suggest import nearest

FLOW_PREFIX: Final = "FLOW_"
DOTENV: Final = Path(".env")
PREVIOUS_SUFFIX: Final = "_previous"
MAX_SHOWN_CHARACTERS: Final = 100
_SHARED_PREFIXES: Final = ("VONAGE_", "AWS_")
"""Other programs use these too, so only a name that nearly matches a setting is reported."""
_ALMOST_THE_SAME: Final = 0.9
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def load_settings(env_file: Path | None = DOTENV, **overrides: Any) -> Settings:
    """Read the environment, which takes precedence, and `env_file`; overrides that are not None precede both.

    An empty variable counts as not set. Raises SettingsError for the first wrong value, with the others attached.
    """
    written = _written(env_file)
    files = named_files(_secrets(), written)
    texts = {
        field: read_file(variable(field), file, is_optional=field.endswith(PREVIOUS_SUFFIX))
        for field, file in files.items()
    }
    origin: dict[str, Any] = {
        "flow_env": {
            name.removeprefix(FLOW_PREFIX): value for name, value in written.items() if name.startswith(FLOW_PREFIX)
        },
        "env_file": env_file,
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**{**origin, **_by_field(written), **texts, **given})
    except ValidationError as fault:
        raise _settings_error(fault, written) from fault
    except UnicodeEncodeError as fault:  # undecodable bytes arrive as lone surrogates
        names = (
            name for name in map(variable, Variables.model_fields) if _LONE_SURROGATE.search(written.get(name, ""))
        )
        raise SettingsError(next(names, "An option"), "is not UTF-8 text", "Write it again.") from fault
    settings = _with_program(settings)
    return settings.model_copy(update={"warnings": (*_unknown(written), *_questionable(settings))})


def _with_program(settings: Settings) -> Settings:
    """If the flows are a Python file, it is a deployed one, and the folders are those beside it."""
    file = settings.flows
    if file.suffix != HANDLER_SUFFIX:
        return settings
    templates = file.with_name("templates") if settings.templates == Path("templates") else settings.templates
    handlers = (*settings.python_flows, str(file.absolute()))
    return settings.model_copy(
        update={"flows": file.with_name("flows"), "templates": templates, "python_flows": handlers}
    )


def _by_field(written: Mapping[str, str]) -> dict[str, str]:
    """Variables may be in lower case."""
    known = {name.upper(): text for name, text in written.items() if text}
    found = {}
    for name, field in Variables.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [variable(name)]
        texts = (known[str(each)] for each in names if str(each) in known)
        if (text := next(texts, None)) is not None:
            found[name] = text
    return found


def _secrets() -> dict[str, str]:
    aliases = {"VONAGE_API_SIGNATURE_SECRET": "signature_secret"}
    return {variable(field): field for field in SECRETS} | aliases


def _written(env_file: Path | None) -> Mapping[str, str]:
    try:
        from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(
            str(env_file), f"cannot be read: {fault}", "Save it as UTF-8 text, or delete it."
        ) from fault
    return {name: value for name, value in from_file.items() if value is not None} | dict(os.environ)


def _settings_error(fault: ValidationError, written: Mapping[str, str]) -> SettingsError:
    errors = [_translated(error, written) for error in fault.errors(include_url=False)]
    first, *others = {error.setting: error for error in errors}.values()
    return first.with_others(others)


def _translated(error: Mapping[str, Any], written: Mapping[str, str]) -> SettingsError:
    field = str(error["loc"][0])
    name = variable(field)
    value = written.get(name, "")
    shown = value if len(value) <= MAX_SHOWN_CHARACTERS else f"{value[:MAX_SHOWN_CHARACTERS]}…"
    if error["type"] == "value_error":
        said = str(error["ctx"]["error"]).replace(value, shown)
    elif Variables.model_fields[field].annotation is SecretStr:
        said = "is not text"  # the value is a secret
    else:
        said = f'"{shown}" is not valid'
    cure = next((item.text for item in Variables.model_fields[field].metadata if isinstance(item, Cure)), "")
    return SettingsError(name, said, cure)


def _known() -> frozenset[str]:
    names = {variable(field) for field in Variables.model_fields} | {f"{name}{FILE_SUFFIX}" for name in _secrets()}
    return frozenset({*names, *_secrets(), "AWS_DEFAULT_REGION"})


RETIRED: Final = frozenset({"NCCO_LEARN", "NCCO_PLATFORM"})
"""Settings of earlier versions, without effect, which their `.env` may contain."""


def _unknown(written: Iterable[str]) -> Iterator[SettingsError]:
    known = _known()
    for name in sorted(written):
        if name.upper().startswith(PREFIX) and name.upper() not in {*known, *RETIRED}:
            yield _not_a_setting(name, nearest(name, known))
        for prefix in _SHARED_PREFIXES if name not in known else ():
            if name.startswith(prefix) and (found := get_close_matches(name, known, n=1, cutoff=_ALMOST_THE_SAME)):
                yield _not_a_setting(name, found[0])


def _not_a_setting(name: str, meant: str | None) -> SettingsError:
    cure = f"Did you mean {meant}?" if meant else "Remove it: it has no effect."
    return SettingsError(name, "is not a setting", cure)


def _questionable(settings: Settings) -> Iterator[SettingsError]:
    if settings.insecure and settings.is_signed:
        message = "does nothing: a signature secret is set, so signatures are checked"
        yield SettingsError("NCCO_INSECURE", message, "Remove it.")
    elif settings.insecure:
        message = "is set: signatures are not checked, so anyone can send webhooks"
        yield SettingsError("NCCO_INSECURE", message, "Set VONAGE_SIGNATURE_SECRET instead.")
    if settings.is_signed and not settings.public_url and values.is_loopback(settings.host):
        message = f"is not set: callback URLs start with {settings.base_url}, which Vonage cannot reach"
        yield SettingsError("NCCO_PUBLIC_URL", message, PUBLIC_URL_CURE)
    elif settings.is_signed:
        yield from unreachable(settings)
    if settings.hook_secret_previous.get_secret_value() and not settings.hook_secret.get_secret_value():
        message = "is not set: hooks are signed only with NCCO_HOOK_SECRET_PREVIOUS"
        yield SettingsError("NCCO_HOOK_SECRET", message, "Set it to the new secret, or rename the previous one.")
    yield from weak_secrets(settings)
    is_enough = settings.templates.is_dir() or any(map(is_deployed, settings.python_flows))
    if not settings.flows.is_dir() and not is_enough:
        message = f"is {settings.flows}, and there is no such folder"
        yield SettingsError("NCCO_FLOWS", message, "Create it, or set it to the folder of your flow files.")
