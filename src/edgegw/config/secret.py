"""A reference to a secret, as the site file writes it.

Owns: the model and its three forms. Must not know: how it is resolved (config.secrets).
"""

from pydantic import model_validator

from edgegw.profiles.fields import Strict


class Secret(Strict):
    """A reference to a secret; exactly one of the three. The secret itself never stands in the site file.

    Attributes:
        file: path of a file holding it (trailing newline ignored); it must not be readable by everyone.
        env: name of an environment variable.
        credential: name of a systemd credential (LoadCredential=), read from $CREDENTIALS_DIRECTORY.
    """

    file: str | None = None
    env: str | None = None
    credential: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _reference(cls, value: object) -> object:
        # The message must not repeat what stands there: it may be the secret.
        if not isinstance(value, dict | Secret):
            raise ValueError(  # noqa: TRY004 - pydantic reports ValueErrors
                "a secret never stands in the site file: put it in a file of its own (chmod 600) and write {file: PATH}, "
                "or {env: VARIABLE}, or {credential: NAME} for systemd's LoadCredential="
            )
        return value

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if sum(x is not None for x in (self.file, self.env, self.credential)) != 1:
            raise ValueError("a secret is a reference: exactly one of file, env, credential")
        return self
