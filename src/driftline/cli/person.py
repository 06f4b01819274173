"""Who gives a command."""

from __future__ import annotations

import getpass
import os
import socket


def who() -> str:
    """The user and the machine, as `ada@host`: it stands beside what was asked for."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
