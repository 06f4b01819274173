"""Secrets are named, not written: they come from the environment or from files.

password: {env: KAFKA_PASSWORD}
password: {file: /run/secrets/kafka-password}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag, model_validator

from driftline.config.spec import Line, Spec, refuse_all, wrong
from driftline.errors import DriftlineError

_EXPECTED: Final = "a secret is not written here; say where it is: {env: NAME} or {file: PATH}"


class SecretSource(Spec):
    """Where a secret is: an environment variable or a file, exactly one of them."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")] | None = None
    file: Line | None = None
    """Relative to the deployment's directory; a trailing line end is not part of the secret."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.env is None) == (self.file is None):
            refuse_all([("env", "should be there, or `file`, but not both")])
        return self


def _read(value: object) -> object:
    if isinstance(value, SecretStr | SecretSource | Mapping) or value is None:
        return value
    raise wrong(_EXPECTED)


Secret: TypeAlias = Annotated[
    Annotated[SecretStr, Tag("value")] | Annotated[SecretSource, Tag("source")],
    Discriminator(lambda value: "value" if isinstance(value, SecretStr) else "source"),
    BeforeValidator(_read, json_schema_input_type=SecretSource),
]
"""A secret's source in a declaration; in code a SecretStr may stand for it."""


def fetch_secret(secret: Secret, directory: Path, environ: Mapping[str, str]) -> str:
    """The secret itself.

    Raises:
        DriftlineError: the variable is not set, the file cannot be read, or there is nothing in it.
    """
    if isinstance(secret, SecretStr):
        return secret.get_secret_value()
    if secret.env is not None:
        value, where = environ.get(secret.env, ""), f"environment variable {secret.env}"
    else:
        where = f"file {secret.file}"
        try:
            value = (directory / str(secret.file)).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            message = f"the secret in {where} cannot be read: {reason}"
            raise DriftlineError(message) from None
    if not value:
        message = f"the secret in {where} is not set or empty"
        raise DriftlineError(message)
    return value
