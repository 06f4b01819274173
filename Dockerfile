# The full image has the compiler: for what driftline compiles of itself, and for Faust where it has no
# wheel (arm64). The slim one runs.
FROM python:3.11-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/driftline && python -m venv /opt/build
COPY requirements.lock requirements-dev.lock ./
RUN /opt/driftline/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
RUN HATCH_BUILD_HOOK_ENABLE_CUSTOM=true \
    /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/driftline/bin/pip install --no-cache-dir --no-deps wheels/*.whl

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
