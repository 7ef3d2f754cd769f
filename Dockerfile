# One image, four commands (see docker-compose.yml): web, worker, beat, migrate.
FROM python:3.12-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/base.txt
COPY manage.py pyproject.toml ./
COPY scheduler scheduler
COPY scheduler_project scheduler_project
COPY scheduled_calls scheduled_calls
COPY executions executions
COPY webhooks webhooks
RUN useradd --system --uid 10001 scheduler \
    && SECRET_KEY=build FIELD_ENCRYPTION_KEYS=build REDIS_URL=redis://build/0 \
       DATABASE_URL=postgres://build/build python manage.py collectstatic --noinput
USER scheduler
CMD ["gunicorn", "--bind", "0.0.0.0:8010", "--workers", "2", "--threads", "4", "--no-control-socket", "scheduler_project.wsgi"]
