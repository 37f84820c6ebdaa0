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
_SCHEME = r"[a-z][a-z0-9+.-]{0,30}://"
_ADDRESS = re.compile(rf"(?P<scheme>{_SCHEME})(?P<rest>(?:(?!{_SCHEME})[^\s'\"])+)", re.I)
_PORT = re.compile(r":\d{1,5}(?=[/?#]|$)")
_IP6 = re.compile(r"\[[^\]@/]*\](?=[:/?#]|$)")
_CONTAINER = re.compile(r"(abfs|wasb)s?://", re.I)  # Azure's: what stands before the @ is a folder
_TOKEN = re.compile(r"gh[a-z]_|github_pat_|glpat-|hf_|sk-", re.I)
_LONGEST_NAME = 19  # of a user; a longer one with a digit is a token
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
    return bool(_PARAMETER.search(text)) or _without_secrets(text) != text


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
    return _without_secrets(text)


def _without_secrets(text: str) -> str:
    if "://" not in text:
        return text
    text = _ADDRESS.sub(lambda found: found["scheme"] + _without_user(found["rest"], found["scheme"]), text)
    return _PARAMETER.sub(rf"\g<before>{HIDDEN}", text)


def _without_user(rest: str, scheme: str) -> str:
    """Hide the password, or the token, of an address.

    Nobody escapes what they paste: a password may hold a slash, as AWS's do, or an @. So it reaches to the
    last @, be that one of the path: rather a name too few is shown than a part of a password.
    """
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    colon, end = authority.find(":"), rest.rfind("@")
    if end < 0 or _IP6.match(rest):
        return rest
    if 0 <= colon < end and not _PORT.match(rest, colon):
        user, password = rest[:colon], rest[colon + 1 : end]
        shown = HIDDEN if _is_token(user, long=not password) else user
        return f"{shown}:{HIDDEN if password else ''}{rest[end:]}"
    user, at, _ = authority.rpartition("@")
    if at and _is_token(user, long=True) and not _CONTAINER.match(scheme):
        return HIDDEN + rest[len(user) :]
    return rest


def _is_token(user: str, *, long: bool) -> bool:
    """Tell whether a user's name is a token: by how it begins, or if ``long`` also by its length."""
    if _TOKEN.match(user):
        return True
    return long and len(user) > _LONGEST_NAME and any(map(str.isdigit, user))


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
