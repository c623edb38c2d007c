# One image for all processes of a deployment: web (the default command), worker, beat, migrate.
#
#   docker build -t profilecenter:local .
#
# If packages come from an index other than pip's default, pass pip's configuration as the secret
# `pip`, and your company's certificate authority as the secret `ca`, which pip.conf then names as
# /run/secrets/ca. They are available while pip runs, and in no layer:
#
#   docker build --secret id=pip,src=pip.conf --secret id=ca,src=ca.pem -t profilecenter:local .

# Pinned to the image that its tag named when it was last looked up: `make pin-images`. The argument is
# for a copy of it in a registry of your own.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm@sha256:0f5b26b9518d002b6173fd61daad821fa340635ebfec5bba471013f9ca114579

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS base
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv/profilecenter

FROM base AS builder
COPY requirements/base.txt requirements/build.txt requirements/telemetry.txt \
    requirements/storage.txt requirements/
# "yes": with the packages for Sentry and OpenTelemetry.
ARG TELEMETRY=no
# "yes": with the packages for exports to S3-compatible storage and by SFTP.
ARG STORAGE=no
# Two environments: the first goes into the image, the second compiles the translations and does
# not. Both are without pip: the base image's pip fills them.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca \
    python -m venv --without-pip /opt/venv \
    && python -m venv --without-pip /opt/build \
    && for name in base $([ "$TELEMETRY" != yes ] || echo telemetry) \
        $([ "$STORAGE" != yes ] || echo storage) build; do \
        venv=/opt/venv; [ "$name" != build ] || venv=/opt/build; \
        /usr/local/bin/python -m pip --python "$venv" install \
            --no-cache-dir --disable-pip-version-check \
            --only-binary :all: --require-hashes -r "requirements/$name.txt" || exit 1; \
    done
COPY manage.py ./
COPY profilecenter profilecenter
COPY unsub unsub
COPY templates templates
COPY static static
COPY locale locale
# Create the folder first: settings.py uses hashed file names only if it exists. The key signs
# nothing and is not stored.
RUN PATH="/opt/build/bin:$PATH" pybabel --quiet compile --directory locale --domain django \
    && mkdir staticfiles \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
        python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q manage.py profilecenter unsub

FROM base AS runtime
# Numeric ids, so that an orchestrator can see that this is not root. The user owns only var/.
# Nothing is installed at run time, so there is no pip.
RUN groupadd --gid 10001 profilecenter \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin profilecenter \
    && install -d -o 10001 -g 10001 -m 0750 var \
    && /usr/local/bin/python -m pip uninstall --yes --quiet --root-user-action ignore pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /srv/profilecenter /srv/profilecenter
# Last, so that a new version does not rebuild the layers above.
ARG VERSION=development
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Profile Center" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.source="$SOURCE"
ENV PROFILECENTER_VERSION=$VERSION \
    PROFILECENTER_REVISION=$REVISION
USER 10001:10001
# gunicorn takes the port from PORT, and then listens on all interfaces of the container.
# HEALTH_PORT answers /healthz and nothing else; visitors do not reach it.
ENV PORT=8000 HEALTH_PORT=8090
EXPOSE 8000
# Checks the pages if the container serves them; with another command it always succeeds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "profilecenter/healthcheck.py", "--if-started-as", "gunicorn"]
CMD ["gunicorn", "profilecenter.wsgi", "-c", "profilecenter/gunicorn.conf.py"]
