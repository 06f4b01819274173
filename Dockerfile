# The full image has the compiler that Faust needs where it has no wheel (arm64); the slim one runs.
FROM python:3.11-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/driftline
COPY requirements.lock ./
RUN /opt/driftline/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/driftline/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 driftline \
    && useradd --system --uid 10001 --gid driftline --home-dir /deployment --shell /usr/sbin/nologin driftline
COPY --from=build /opt/driftline /opt/driftline
ENV PATH="/opt/driftline/bin:$PATH" \
    PYTHONUNBUFFERED=1
# A deployment (streams/, detectors/, config/) is mounted here.
WORKDIR /deployment
USER 10001:10001
ENTRYPOINT ["driftline"]
CMD ["worker"]
