"""Reaching a Ray cluster: what has to be settled before Ray is imported, and what would only hang later."""

import contextlib
import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from gridcell.errors import UserError

# Ray's own switch for machines that are no cluster: all its processes then listen on 127.0.0.1 alone. It is
# read when Ray is first imported.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Environment under which Ray, started on one machine, listens on 127.0.0.1 alone."""

_ANSWER_S = 5.0


def prepare_to_reach(address: str) -> None:
    """Set what Ray reads at import so that ``ray.init(address=...)`` works, or say why it can't.

    Left alone, Ray replaces a loopback address by this machine's own, where a cluster that listens on
    loopback alone never answers, and tries for a quarter of an hour.

    Args:
        address: ``auto``, or ``host:port`` of the head.

    Raises:
        UserError: there is none, nothing answers there, or the address is of Ray's client, through which no
            grid can run.
    """
    use_token_if_there()
    if address.startswith("ray://"):
        raise UserError(
            f"'{address}' is an address of Ray's client, and a grid's driver has to run on the cluster "
            "itself: 'gridcell submit --address http://HEAD:8265' starts it there"
        )
    head = _head(address)
    if address == "auto" and not head:  # Ray would find the private cluster of a local run, and wait for ever
        raise UserError(
            "No Ray cluster was begun on this machine: 'ray start --head' begins one, and without --address "
            "a run brings its own"
        )
    host, colon, port = head.rpartition(":")
    if not colon or not port.isdigit():
        return  # Ray finds it or says that there is none
    if _is_loopback(host):
        if _answers(_own_address(), int(port)):
            return
        os.environ.update(LOOPBACK_ONLY)
    if not _answers(host, int(port)):
        found = (
            ""
            if address != "auto"
            else (f". {_where_auto_looked()}; name the head that you mean: --address HOST:PORT")
        )
        raise UserError(f"No Ray cluster at '{address}': nothing answers at {host}:{port}{found}")


def use_token_if_there() -> None:
    """Make Ray send its token if there is one: it is used only if asked for before Ray is imported."""
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    if named or _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _has_token() -> bool:
    with contextlib.suppress(RuntimeError, OSError):  # no home, or none that can be read
        return (Path.home() / ".ray" / "auth_token").is_file()
    return False


def keep_sockets_short() -> None:
    """Give Ray a folder whose path is short enough for its sockets, where its own isn't or can't be written.

    Raises:
        UserError: there is none.
    """
    asked = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    choices = [Path(asked), *map(Path, _SHORT_FOLDERS)]
    fitting = [folder for folder in choices if _takes_sockets(folder)]
    if not fitting:
        raise UserError(
            f"Ray needs a folder for its sockets that can be written and whose path has at most "
            f"{_longest_folder()} letters, and '{asked}' is none: name one by RAY_TMPDIR"
        )
    if fitting[0] != Path(asked):
        own = Path(fitting[0], f"gridcell-{os.getuid()}")
        own.mkdir(mode=0o700, exist_ok=True)
        if own.stat().st_uid != os.getuid():
            raise UserError(f"'{own}' is somebody else's: name a folder of your own by RAY_TMPDIR")
        os.environ["RAY_TMPDIR"] = str(own)


def _takes_sockets(folder: Path) -> bool:
    return len(str(folder)) <= _longest_folder() and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _longest_folder() -> int:
    """Of at most 107 bytes of a socket's path, on macOS 103, Ray's part with this user's folder takes 70."""
    return (103 if sys.platform == "darwin" else 107) - 71


_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def _head(address: str) -> str:
    """Return what ``auto`` stands for: the environment's address, else that of a cluster begun here."""
    if address != "auto":
        return address
    if named := os.environ.get("RAY_ADDRESS"):
        return named
    begun = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    return begun.read_text().strip() if begun.is_file() else ""


def _where_auto_looked() -> str:
    if os.environ.get("RAY_ADDRESS"):
        return "This address is RAY_ADDRESS's"
    return (
        "This address is that of the cluster that was begun last on this host, by whomever "
        f"({Path(os.environ.get('RAY_TMPDIR', '/tmp'), 'ray', 'ray_current_cluster')})"
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _own_address() -> str:
    """Return the address under which other machines see this one, without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:  # no network at all
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _ANSWER_S).close()
    except OSError:
        return False
    return True
