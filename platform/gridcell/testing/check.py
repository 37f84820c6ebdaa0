"""A check of the contract, and what it says where the contract is broken."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

HEAVY = ("torch", "lightning", "timm", "ray", "mlflow", "sklearn", "tensorflow", "jax")
"""Libraries that take seconds to import, so that planning must do without them."""


class ContractError(AssertionError):
    """The contract is broken; the text says how."""


@dataclass(frozen=True)
class Check:
    """One line of the contract.

    Attributes:
        name: what holds if it passes, as a sentence.
        run: raises :class:`ContractError`, or whatever the checked code raises.

    Example:
        >>> Check("one is one", lambda: None)()
    """

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run the check.

        Raises:
            ContractError: the contract is broken.
        """
        self.run()

    def __str__(self) -> str:
        return self.name


def require(holds: object, message: str) -> None:
    """Raise unless something holds.

    Raises:
        ContractError: it doesn't.

    Example:
        >>> require(len("abc") == 3, "the text has another length")
    """
    if not holds:
        raise ContractError(message)


def in_fresh_process(code: str, arguments: Mapping[str, Any], hash_seed: int = 0) -> Any:
    """Run Python code in a new process and return what it assigned to ``answer``, a JSON value.

    Args:
        code: sees ``arguments`` by name.
        arguments: JSON values.
        hash_seed: of the process, which decides the order of its sets.

    Raises:
        ContractError: the code failed; says its last line.
    """
    script = (
        "import json, sys\n"
        "for name, value in json.loads(sys.argv[1]).items():\n    globals()[name] = value\n"
        f"{code}\nsys.stdout.write('\\n' + json.dumps(answer))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(dict(arguments))],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ContractError(f"a new process failed: {said[-1]}")
    return json.loads(done.stdout.rpartition("\n")[2])
