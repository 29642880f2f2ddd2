"""The settings of the server, from arguments and environment variables (CLEW_HOME, CLEW_PORT, …)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from clew.core.errors import UsageError
from clew.core.threads import available

PREFIX = "CLEW_"


class Settings(BaseSettings):
    """The settings of one server. Arguments have priority over environment variables, and these over the defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(Path(".clew"), description="Folder with the indexes and models.")
    host: str = Field("127.0.0.1", description="Address to listen on; only loopback addresses are accepted.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 chooses a free one.")
    searches: int = Field(
        default_factory=available, ge=1, le=1024, description="Number of searches that run in parallel; others wait."
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, description="Maximum size of a request body in bytes.")
    poll_seconds: float = Field(0.5, gt=0, le=60, description="Seconds between checks for a new release.")
    shutdown_seconds: int = Field(10, ge=0, le=600, description="Seconds that running requests may take at shutdown.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")


def load_settings(home: Path | None = None, host: str | None = None, port: int | None = None) -> Settings:
    """Return the settings from the given arguments and the environment.

    Raises UsageError that names the setting and its environment variable if a value is invalid or if the host is not a
    loopback address.
    """
    given = {"home": home, "host": host, "port": port}
    try:
        settings = Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UsageError(
            f"{name} is {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}",
            f"give --{name} or the environment variable {PREFIX}{name.upper()} a valid value",
        ) from None
    refuse_open_host(settings.host)
    return settings


def refuse_open_host(host: str) -> None:
    """Raise UsageError unless `host` is a loopback address, which only this machine can reach."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"host {host!r} is not a loopback address; only this machine may connect, because there are no API keys",
            "use 127.0.0.1, ::1 or localhost, and connect from other machines with ssh -L 8000:127.0.0.1:8000",
        )
