"""Files that look as if they held secrets: by their names they stay here, by their contents we ask first."""

import re
from pathlib import Path

from gridcell.cluster.package import Package

_LOOKED_AT = 1 << 20  # bytes of a file; keys are short, and stand in short files

_SIGNS: tuple[tuple[str, str], ...] = (
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-\d"),
    ("a key of AWS", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret_access_key[\"']?\s*[:=]\s*[\"']?[\w/+]{30,}"),
    ("a service account of Google", r"[\"']type[\"']\s*:\s*[\"']service_account[\"']|\bAIza[\w-]{35}\b"),
    ("a token of GitHub or GitLab", r"\bgh[pousr]_\w{30,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{18,}"),
    ("a token of Hugging Face", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("a token of Slack", r"\bxox[abeoprs]-[\w-]{10,}"),
    ("a token of npm or PyPI", r"\bnpm_[A-Za-z0-9]{30,}\b|\bpypi-[\w-]{50,}|_authToken\s*=\s*\S{8,}"),
    ("a key of an API", r"\bsk-[\w-]{20,}"),
    ("a signed token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    ("a password in an address", r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"{}$<>]+:[^\s/:@'\"{}$<>]{4,}@[\w.-]+"),
)
_CERTAIN = [(what, re.compile(pattern.encode())) for what, pattern in _SIGNS]

# In code the same words are names of variables; in files of settings they stand before values.
_SETTINGS = {".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".properties", ".sh", ".txt", ""}
_ASSIGNED = re.compile(
    rb"(?im)^[\s\"'{,]*(export\s+)?[\w.-]*(secret|token|passw(or)?d|passphrase|api_?key|private_?key|access_?key)"
    rb"[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"',}$<{*]{8,})"
)


def looks_secret(data: bytes, name: str) -> str:
    """Say what secret a file's content looks like; empty if none.

    Args:
        data: the content, or its beginning.
        name: of the file.
    """
    for what, sign in _CERTAIN:
        if sign.search(data):
            return what
    if Path(name).suffix.lower() in _SETTINGS and _ASSIGNED.search(data):
        return "a password or token"
    return ""


def suspicious(package: Package) -> dict[str, str]:
    """Return name -> what it looks like, of the files of a package that look as if they held secrets."""
    found = {}
    for name in package.sizes:
        with (package.root / name).open("rb") as file:
            if what := looks_secret(file.read(_LOOKED_AT), name):
                found[name] = what
    return found
