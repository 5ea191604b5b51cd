# Two images: `docker build --target server .` has what answers calls, and the commands that look after it; without a
# target, the studio is in it as well: the console, proofs and simulated calls.
# `docker build`, `podman build` and `buildah build` all work; BuildKit is not needed.
# `make pin` adds the digest.
ARG IMAGE=python:3.13-slim

# Virtual environments with the pinned packages: the server's, and one that builds wheels.
FROM ${IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The packages rarely change, so their layer stays cached while only the server's own code changes.
COPY requirements-server.txt requirements-build.txt ./
RUN python -m venv --without-pip /opt/ncco \
    && python -m venv --without-pip /opt/build \
    && pip --python /opt/ncco/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements-server.txt \
    && pip --python /opt/build/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements-build.txt

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY app/ncco_server ./app/ncco_server
# The commit that the image is built from: --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=
RUN pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --wheel-dir /build/server . \
    && pip --python /opt/ncco/bin/python install --no-deps /build/server/*.whl

# The same environment with the studio.
FROM build AS build-studio
COPY requirements.txt ./
RUN pip --python /opt/ncco/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements.txt

COPY app/studio ./app/studio
COPY docs/errors.md ./docs/errors.md
RUN pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --wheel-dir /build/studio ./app/studio \
    && pip --python /opt/ncco/bin/python install --no-deps /build/studio/*.whl

# What both images have but the code.
FROM ${IMAGE} AS run
LABEL org.opencontainers.image.title="ncco-server" \
      org.opencontainers.image.description="A webhook server that answers Vonage voice calls from flow files." \
      org.opencontainers.image.licenses="MIT"

# There are no flows in it: those of a project are mounted or copied to /srv/flows.
# A new volume gets the owner of the folder that it is mounted on, so the unprivileged user can write to it.
RUN mkdir /data /backups && chown 10001:10001 /data /backups

ENV PATH=/opt/ncco/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NCCO_HOST=0.0.0.0 \
    NCCO_PORT=8000 \
    NCCO_FLOWS=/srv/flows \
    NCCO_TEMPLATES=/srv/templates \
    NCCO_DATABASE_URL=sqlite:////data/ncco.db \
    NCCO_RECORDINGS=/data/recordings \
    NCCO_CONSOLE_LOGINS=/data/console-logins.json

ARG COMMIT=
LABEL org.opencontainers.image.revision=${COMMIT}

USER 10001:10001
WORKDIR /srv
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM

# /healthz, not /readyz: while the database is down, the server still answers calls and must not be restarted.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['NCCO_PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

# The exec form: signals reach the server itself, and SIGTERM lets running requests finish.
ENTRYPOINT ["ncco"]
CMD ["serve"]

FROM run AS server
COPY --from=build /opt/ncco /opt/ncco

FROM run AS studio
COPY --from=build-studio /opt/ncco /opt/ncco
