"""The peers, one row each: what is started, and their best ordinary settings.

Everybody gets two worker processes where two are possible, and connections that are kept.
"""

from benchmarks.peers.peer import Peer


def _worker(app: str, *options: str) -> list[str]:
    words = ["celery", "-A", f"benchmarks.peers.{app}.app", "worker", "-l", "INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*words, *quiet, "-n", "bench{number}@%h", *options]


_PREFORK = ["--concurrency", "{workers}"]
_THREADS = ["-P", "threads", "--concurrency", "100"]
_BEAT = [
    "celery", "-A", "benchmarks.peers.plain_beat.app", "beat", "--pidfile=", "-l", "INFO",
    "-S", "django_celery_beat.schedulers:DatabaseScheduler",
]  # fmt: skip
_MIGRATE = ["python", "-m", "django", "migrate", "--verbosity", "0"]
_PROCRASTINATE_LOAD = ["python", "-m", "benchmarks.peers.procrastinate.load"]

PLAIN_BEAT = Peer(
    "plain-beat",
    "django-celery-beat 2.9.0 (DatabaseScheduler), ClockedSchedule one-offs, Celery 5.7.0 worker"
    " of 2 children (prefork); behind a slow call service 2 workers of 100 threads; requests"
    " with a session",
    "plain_beat",
    ["python", "-m", "benchmarks.peers.plain_beat.load"],
    {"worker": _worker("plain_beat", *_PREFORK), "beat": _BEAT},
    ("ready", "beat: Starting"),
    most=(10_000, 1_000),
    load_rate=3_000,
    scenarios=("spike", "recurring"),
    longest=120,
    setup=[*_MIGRATE, "--settings", "benchmarks.peers.plain_beat.settings"],
    slow_processes={"worker*": _worker("plain_beat", *_THREADS), "beat": _BEAT},
)
CELERY_ETA = Peer(
    "celery-eta",
    "Celery 5.7.0, apply_async(eta=…), visibility_timeout 12 h, one worker of 2 children"
    " (prefork); behind a slow call service 2 workers of 100 threads; requests with a session;"
    " no record of a call",
    "celery_eta",
    ["python", "-m", "benchmarks.peers.celery_eta.load"],
    {"worker": _worker("celery_eta", *_PREFORK)},
    ("ready",),
    most=(10_000, 10_000),
    load_rate=700,
    slow_processes={"worker*": _worker("celery_eta", *_THREADS)},
)
PROCRASTINATE = Peer(
    "procrastinate",
    "Procrastinate 3.10.0 (psycopg 3), batch_defer with schedule_at, 2 worker processes of"
    " concurrency 100, polling each 0.25 s, aiohttp with a session",
    "procrastinate",
    _PROCRASTINATE_LOAD,
    {"worker*": ["python", "-m", "benchmarks.peers.procrastinate.app"]},
    ("ready",),
    most=(10_000, 10_000),
    load_rate=2_000,
    setup=_PROCRASTINATE_LOAD,
)
APSCHEDULER = Peer(
    "apscheduler",
    "APScheduler 3.11.3, SQLAlchemy jobstore on PostgreSQL, one process (two on one jobstore"
    " call twice) with 100 threads, no misfire limit, requests with a session a thread",
    "apscheduler",
    ["python", "-m", "benchmarks.peers.apscheduler.load"],
    {"scheduler": ["python", "-m", "benchmarks.peers.apscheduler.app"]},
    ("ready",),
    most=(10_000, 10_000),
    load_rate=600,
)
BULLMQ = Peer(
    "bullmq",
    "BullMQ 6.7.0 on ioredis 6.0.0, delayed jobs by addBulk, 2 Node processes of concurrency 200,"
    " undici 7.30.2 with an agent; Valkey saves nothing, so nothing outlives it",
    "bullmq",
    ["node", "load.cjs"],
    {"worker*": ["node", "work.cjs"]},
    ("ready",),
    most=(50_000, 50_000),
    load_rate=2_000,
    scenarios=("spike", "recurring"),
)
PG_BOSS = Peer(
    "pg-boss",
    "pg-boss 10.4.2 (the newest for Node 20), insert with startAfter, 2 Node processes, batches"
    " of 1,000 rows of which 200 at once, polling each 0.5 s (its least), undici 7.30.2",
    "pg_boss",
    ["node", "load.cjs"],
    {"worker*": ["node", "work.cjs"]},
    ("ready",),
    most=(50_000, 50_000),
    load_rate=3_000,
    setup=["node", "load.cjs"],
)
PEERS = {
    peer.name: peer
    for peer in (PLAIN_BEAT, CELERY_ETA, PROCRASTINATE, APSCHEDULER, BULLMQ, PG_BOSS)
}
