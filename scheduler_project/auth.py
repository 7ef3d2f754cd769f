"""Who asks? `Authorization: Bearer TOKEN` becomes the token's user, the owner of all it makes."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from scheduler_project.models import ApiToken, token_digest
from scheduler_project.throttling import count_owner, count_stranger

_TOKEN = [field.attname for field in ApiToken._meta.concrete_fields]
_USER = [field.attname for field in User._meta.concrete_fields]
_FIND = f"""
SELECT {", ".join(f"t.{name}" for name in _TOKEN)}, {", ".join(f"u.{name}" for name in _USER)}
FROM {ApiToken._meta.db_table} t JOIN {User._meta.db_table} u ON u.id = t.user_id
WHERE t.digest = %s
"""  # noqa: S608  the models' own names


def find_token(digest: str) -> ApiToken | None:
    """The token with its user, or None.

    In SQL, because each request comes through here, and building the same query anew each time
    costs several times what the database needs for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [digest])
        row = cursor.fetchone()
    if row is None:
        return None
    token = ApiToken.from_db(connection.alias, _TOKEN, row[: len(_TOKEN)])
    token.user = User.from_db(connection.alias, _USER, row[len(_TOKEN) :])
    return token


class BearerToken(BaseAuthentication):
    """Bearer tokens after RFC 6750, looked up by digest."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user; None without a header; AuthenticationFailed (401) for a bad one.

        Raises Throttled (429). A good token counts as its owner's wherever it comes from, so that
        nobody locks out others behind one address; tokens are too long to be guessed at any speed.
        """
        try:
            found = self._find(request)
        except AuthenticationFailed:
            count_stranger(request)
            raise
        if found is None:
            count_stranger(request)
        else:
            count_owner(found[0].pk)
        return found

    def _find(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Bearer TOKEN")
        try:
            digest = token_digest(words[1].decode("ascii"))
        except UnicodeDecodeError:
            raise AuthenticationFailed("The token holds characters that no token has.") from None
        token = find_token(digest)
        if token is None or not token.user.is_active:
            raise AuthenticationFailed("This token is unknown or no longer valid.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return self.keyword


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI page about bearer tokens."""

    target_class = "scheduler_project.auth.BearerToken"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme as OpenAPI writes it."""
        return {"type": "http", "scheme": "bearer"}
