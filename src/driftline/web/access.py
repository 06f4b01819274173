"""Who asks, and whether they may: a bearer token in the header, and nowhere else."""

from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from driftline.web.problems import Kind, ProblemError
from driftline.web.services import Services
from driftline.web.tokens import Scope, Token

REALM: Final = 'Bearer realm="driftline"'


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Served = Annotated[Services, Depends(_services)]


class Needs(SecurityBase):
    """Lets a request pass whose token has the scope, and says whose it is."""

    def __init__(self, scope: Scope) -> None:
        self.model = HTTPBearer(description="A token of `driftline tokens create`.")
        self.scheme_name = "token"
        self._scope = scope

    async def __call__(self, request: Request, services: Served) -> Token:
        """Raise a problem, or return the token."""
        token = await find_token(request, services)
        if token is None:
            _take_turn(services, f"address {request.client.host if request.client else ''}")
            msg = "send a valid token: `Authorization: Bearer dl_...`"
            raise ProblemError(Kind.UNAUTHENTICATED, msg, headers={"WWW-Authenticate": REALM})
        request.state.token = token
        _take_turn(services, f"token {token.name}")
        if not token.scope.includes(self._scope):
            msg = f"the token '{token.name}' may {token.scope}, and this needs {self._scope}"
            challenge = f'{REALM}, error="insufficient_scope", scope="{self._scope}"'
            raise ProblemError(Kind.FORBIDDEN, msg, headers={"WWW-Authenticate": challenge})
        return token


async def find_token(request: Request, services: Services) -> Token | None:
    """The valid token that a request carries; None without one.

    Raises:
        UnavailableError: Redis, where the tokens are, is away.
    """
    # As bytes: a token that is no ASCII is a wrong one, and no error.
    given = next((v for name, v in request.headers.raw if name == b"authorization"), b"")
    scheme, _, presented = given.partition(b" ")
    if scheme.lower() != b"bearer" or not presented.strip():
        return None
    return await services.tokens.find(presented.strip(), services.now())


def _take_turn(services: Services, caller: str) -> None:
    wait = services.limit.take(caller)
    if wait:
        seconds = max(1, -int(-wait // 1))
        msg = f"the limit of requests a minute is reached; again in {seconds} s"
        raise ProblemError(Kind.TOO_MANY, msg, headers={"Retry-After": str(seconds)})


Reader = Annotated[Token, Security(Needs(Scope.READ))]
Writer = Annotated[Token, Security(Needs(Scope.WRITE))]
Admin = Annotated[Token, Security(Needs(Scope.ADMIN))]
