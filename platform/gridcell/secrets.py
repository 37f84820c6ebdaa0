"""Secrets stay out of what is printed, stored and shown: passwords in URIs, and the environment's secrets."""

import os
import re
from collections.abc import Mapping
from typing import Any, TextIO

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(API|ACCESS|PRIVATE)_?KEY)", re.I
)
_NOT_SECRET_NAME = re.compile(r"_(PATH|FILE|DIR|MODE|URL|URI|ENDPOINT)$", re.I)  # they say where a secret is
_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)(?P<secret>[^\s/@'\"]+)@", re.I)
_PARAMETER = re.compile(
    r"(?P<before>[?&;][\w.-]*(?:token|secret|password|signature|credential|sig|key)=)(?P<secret>[^\s&;'\"]+)",
    re.I,
)
_SHORTEST = 6  # a shorter value is more likely to be a word of the text than a secret


def is_secret_name(name: str) -> bool:
    """Tell whether an environment variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _NOT_SECRET_NAME.search(name)


def has_secret(text: str) -> bool:
    """Tell whether a URI carries a password or a token."""
    return bool(_PASSWORD.search(text) or _PARAMETER.search(text))


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace what is secret in a text by ``***``.

    Args:
        text: to be printed or stored.
        environment: values of its variables that are named like secrets are secret.
    """
    values = {
        value for name, value in environment.items() if len(value) >= _SHORTEST and is_secret_name(name)
    }
    for value in sorted(values, key=len, reverse=True):  # a secret that contains another one goes first
        text = text.replace(value, HIDDEN)
    if "://" in text:
        text = _PASSWORD.sub(rf"\g<before>{HIDDEN}@", text)
        text = _PARAMETER.sub(rf"\g<before>{HIDDEN}", text)
    return text


class RedactedStream:
    """A text stream through which no secret passes; everything but ``write`` is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without its secrets; return the length of what was given, as the caller expects."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
