"""Where the embedded servers of a running worker are, so that a second command finds them.

One small file per deployment, in a directory that only this user may read (a Redis address carries
its password): `$XDG_RUNTIME_DIR/driftline`, else `driftline-<user id>` in the temporary directory.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from driftline.embedded.process import reachable
from driftline.errors import UnavailableError


class EmbeddedAddresses(BaseModel):
    """The embedded servers of one running worker; None for one that is not embedded."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    pid: int
    """The worker they live and die with."""
    kafka: str | None
    """host:port."""
    redis: str | None
    """A redis:// address, with its password."""


def announce(
    deployment_dir: Path, name: str, *, kafka: str | None, redis: str | None
) -> EmbeddedAddresses:
    """Write down where this process's embedded servers of a deployment are.

    Raises UnavailableError when another running worker has servers of the same deployment: its
    data would be elsewhere, and half of every command would look in the wrong place.
    """
    path = _path(deployment_dir, name)
    earlier = _read(path)
    if earlier is not None and earlier.pid != os.getpid() and _missing(earlier) is None:
        message = (
            f"another worker of {name!r} runs here with embedded servers (process {earlier.pid});"
            " stop it first, or use a real Kafka and Redis to run several"
        )
        raise UnavailableError(message)
    addresses = EmbeddedAddresses(pid=os.getpid(), kafka=kafka, redis=redis)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(addresses.model_dump_json(), encoding="utf-8")
    scratch.replace(path)
    return addresses


def withdraw(deployment_dir: Path, name: str) -> None:
    """Forget what this process announced; what another one has announced since stays."""
    path = _path(deployment_dir, name)
    earlier = _read(path)
    if earlier is not None and earlier.pid == os.getpid():
        path.unlink(missing_ok=True)


def find_embedded(deployment_dir: Path, name: str) -> EmbeddedAddresses:
    """The embedded servers of the deployment's running worker; UnavailableError when none runs."""
    addresses = _read(_path(deployment_dir, name))
    reason = "none was started" if addresses is None else _missing(addresses)
    if addresses is None or reason is not None:
        message = (
            f"no embedded servers of {name!r} ({deployment_dir}) are running: {reason}. They live"
            " and die with the worker: start `driftline worker` first, or give real addresses in"
            " config/driftline.yaml or DRIFTLINE_KAFKA and DRIFTLINE_REDIS"
        )
        raise UnavailableError(message)
    return addresses


def _missing(addresses: EmbeddedAddresses) -> str | None:
    """What of the announced servers is not there, or None when all is."""
    if not _living(addresses.pid):
        return f"the worker (process {addresses.pid}) has ended"
    for what, address in (("Kafka", addresses.kafka), ("Redis", addresses.redis)):
        if address is None:
            continue
        place = urlsplit(address if "://" in address else f"//{address}")
        if not reachable(place.hostname or "", place.port or 0):
            return f"{what} does not answer at {place.hostname}:{place.port}"
    return None


def _living(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It was our worker's number; now it is another user's process.
        return False
    return True


def _read(path: Path) -> EmbeddedAddresses | None:
    try:
        return EmbeddedAddresses.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        # A file that another version wrote says as little as none.
        return None


def _path(deployment_dir: Path, name: str) -> Path:
    identity = f"{deployment_dir.resolve()}\0{name}".encode()
    return _runtime_directory() / f"{hashlib.sha256(identity).hexdigest()[:20]}.json"


def _runtime_directory() -> Path:
    """Our private directory, made when missing; UnavailableError when it is not ours alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        directory = Path(runtime) / "driftline"
    else:
        directory = Path(tempfile.gettempdir()) / f"driftline-{os.getuid()}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    # Anybody may make a directory of that name in /tmp before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        message = f"{directory} must be a directory of this user alone (mode 700)"
        raise UnavailableError(message)
    return directory
