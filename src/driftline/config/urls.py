"""URLs of HTTP endpoints in declarations."""

from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator

from driftline.config.spec import Line, refuse

_EXPECTED: Final = "should be a URL such as https://host/path"


def check_url(url: str) -> str:
    """The URL itself.

    Raises:
        PydanticCustomError: it is none that can be called, or holds a password. The message does
            not repeat it.
    """
    try:
        parts = urlsplit(url)
        # Asked for, as it is only now that a wrong one raises.
        _ = parts.port
    except ValueError:
        refuse(_EXPECTED)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        refuse(_EXPECTED)
    if not url.isascii() or any(letter.isspace() for letter in url):
        refuse("should be written in ASCII, without spaces; escape other characters")
    if "@" in parts.netloc:
        refuse("should hold no user or password; a secret is never written here")
    if parts.fragment:
        refuse("should have no fragment (#...)")
    return url


Url: TypeAlias = Annotated[Line, AfterValidator(check_url)]
"""An http or https URL without a user."""
