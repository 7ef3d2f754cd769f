"""Is it alive, is it ready? For load balancers; no token, no details."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database and broker answer, else 503 naming the one that does not."""
    found = {"database": database_answers(), "broker": broker_answers()}
    status = 200 if all(found.values()) else 503
    return JsonResponse(
        {"status": "ready" if status == 200 else "not ready", **found}, status=status
    )


def database_answers() -> bool:
    """Whether PostgreSQL answers a trivial query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    """Whether Redis answers a ping within two seconds."""
    client = redis.Redis.from_url(
        settings.REDIS_CLIENT_URL, socket_timeout=2, socket_connect_timeout=2
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
