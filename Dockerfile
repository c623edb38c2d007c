# One image for all processes of a deployment: web (the default command), worker, beat, migrate.
#
#   docker build -t profilecenter:local .
#
# Where packages come from another place than pip's default, give pip's own configuration as a
# secret; it is there while pip runs and in no layer:
#
#   docker build --secret id=pip,src=pip.conf -t profilecenter:local .

FROM python:3.12-slim-bookworm AS base
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv/profilecenter

FROM base AS builder
COPY requirements/base.txt requirements/base.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements/base.txt
COPY manage.py ./
COPY profilecenter profilecenter
COPY unsub unsub
COPY templates templates
COPY static static
COPY locale locale
# The folder comes first: settings.py names the files by their content only where it is there.
# The key signs nothing and dies with this line.
RUN pybabel --quiet compile --directory locale --domain django \
    && mkdir staticfiles \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
        python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q manage.py profilecenter unsub

FROM base AS runtime
# Numbers, so that an orchestrator can see that this is not root. Nothing but var/ is theirs.
RUN groupadd --gid 10001 profilecenter \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin profilecenter \
    && install -d -o 10001 -g 10001 -m 0750 var
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /srv/profilecenter /srv/profilecenter
USER 10001:10001
# gunicorn takes the port from PORT, and then listens on every address of the container.
ENV PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz', timeout=4)"]
CMD ["gunicorn", "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
