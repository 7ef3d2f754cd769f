"""Settings: everything comes from the environment; `.env.example` lists every name."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from scheduled_calls.recurrence import use_pinned_zones
from scheduler_project import env
from scheduler_project.logs import logging_settings

use_pinned_zones()

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

DEBUG = env.boolean("DEBUG")
SECRET_KEY = env.required("SECRET_KEY", "Write 50 or more random characters; keep them secret.")
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.origins("SCHEDULER_CORS_ALLOWED_ORIGINS")
FIELD_ENCRYPTION_KEYS = env.listing("FIELD_ENCRYPTION_KEYS")
if not FIELD_ENCRYPTION_KEYS:
    raise ImproperlyConfigured(
        "FIELD_ENCRYPTION_KEYS is not set. Write one Fernet key (32 random bytes in url-safe "
        "base64); to rotate, put the new key first and keep the old ones behind it."
    )
SCHEDULER = env.scheduler_settings()

DATABASE_URL = env.required(
    "DATABASE_URL",
    "Write postgres://user:password@host:5432/name; `python3 dev.py run` brings one.",
)
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=600)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database: other databases cannot lock single rows "
        "without waiting, and people would be called twice."
    )
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
#: past a pooler: the session that proves a dialing worker alive must be the worker's own
DATABASE_DIRECT_URL = env.text("DATABASE_DIRECT_URL") or DATABASE_URL
REDIS_URL = env.required("REDIS_URL", "Write redis://host:6379/0.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "corsheaders",
    "scheduler_project",
    "scheduled_calls",
    "executions",
    "webhooks",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "scheduler_project.logs.RequestIdMiddleware",
    "scheduler_project.bodies.BodyLimitMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Browsers ask for these answers only where somebody named their page. Behind the request's id, so
# that each has one; before all that could refuse, so that a page may read why.
if CORS_ALLOWED_ORIGINS:
    _place = 1 + MIDDLEWARE.index("scheduler_project.logs.RequestIdMiddleware")
    MIDDLEWARE.insert(_place, "corsheaders.middleware.CorsMiddleware")
# A call service's callbacks come from no page.
CORS_URLS_REGEX = r"^/api/(?!providers/)"
# A token says who asks; cookies are the admin's.
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"]
CORS_EXPOSE_HEADERS = ["Idempotent-Replayed", "Retry-After", "WWW-Authenticate", "X-Request-ID"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
ROOT_URLCONF = "scheduler_project.urls"
#: where a login ends whose page was opened by itself
LOGIN_REDIRECT_URL = "admin:index"
WSGI_APPLICATION = "scheduler_project.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True

# Behind TLS (DEBUG off and a public https address) cookies and redirects insist on it.
_OVER_TLS = SCHEDULER.public_url.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _OVER_TLS else None
SECURE_SSL_REDIRECT = _OVER_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _OVER_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _OVER_TLS
SECURE_HSTS_PRELOAD = _OVER_TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _OVER_TLS
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # the admin theme and the API page carry their state in inline attributes
        "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    }
}
# A body may carry two 16 KiB objects besides its text; beyond this the answer is 413. Ten thousand
# calls in one body have 1.6 KiB each.
MAX_BODY_BYTES = 512 * 1024
LARGER_BODIES = {"/api/scheduled-calls/bulk": 16 * 1024 * 1024}
# Django's own limit knows no addresses: BodyLimitMiddleware, which does, comes first.
DATA_UPLOAD_MAX_MEMORY_SIZE = max(LARGER_BODIES.values())

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["scheduler_project.auth.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["scheduler_project.parsing.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "scheduler_project.paging.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "NUM_PROXIES": env.integer("SCHEDULER_PROXIES", 0, most=10),
    "EXCEPTION_HANDLER": "scheduler_project.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Scheduled phone calls",
    "DESCRIPTION": "Whom to call, with which agent, when; and what happened.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "deepLinking": True},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "ScheduledCallStatus": "scheduled_calls.models.Status",
        "ExecutionStatus": "executions.states.ExecutionStatus",
        "AttemptStatus": "executions.states.AttemptStatus",
        "DeliveryStatus": "webhooks.models.Delivery.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "scheduler_project.openapi.add_problems",
    ],
}
LOGGING = logging_settings(env.text("LOG_LEVEL", "INFO"))

# Celery. kombu takes a Unix socket as redis+socket://, redis-py as unix://.
CELERY_BROKER_URL = re.sub(r"^unix://", "redis+socket://", REDIS_URL)
_socket = urlsplit(CELERY_BROKER_URL)
REDIS_CLIENT_URL = (
    f"unix://{_socket.path}?db={parse_qs(_socket.query).get('virtual_host', ['0'])[0]}"
    if _socket.scheme == "redis+socket"
    else REDIS_URL
)

UNFOLD = {
    "SITE_TITLE": "Scheduled calls",
    "SITE_HEADER": "Scheduled calls",
    "SITE_SYMBOL": "call",
    "SITE_URL": "/api/docs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "/static/operators/icon.svg"}
    ],
    "SIDEBAR": {"navigation": "scheduler_project.admin_menu.menu"},
}
