"""What docstrings say of settings, for listings and editors."""

import inspect
import re


def descriptions(model: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of their attributes, in Google's style.

    Example:
        >>> class Fit:
        ...     '''How it is fitted.
        ...
        ...     Attributes:
        ...         epochs: passes over
        ...             the data.
        ...     '''
        >>> descriptions(Fit)
        {'epochs': 'passes over the data.'}
    """
    said: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "pydantic"):
            continue
        said |= _attributes(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    return said


def _attributes(docstring: str) -> dict[str, str]:
    _, _, section = docstring.partition("Attributes:\n")
    said: dict[str, str] = {}
    name, indent = "", None
    for line in filter(str.strip, section.splitlines()):
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        match = re.match(r"\s*(\w+)(?: \([^)]*\))?: (.*)", line)
        if depth == indent and match:
            name = match[1]
            said[name] = match[2].strip()
        elif depth > indent and name:
            said[name] += " " + line.strip()
        else:
            break
    return said
