"""What `driftline check --json` writes. Keys are added, never renamed (docs/cli.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftline.app.alerting_notes import alerting_notes
from driftline.app.footprint import instance_footprint, watch_stored
from driftline.cli.routes_text import receivers_json, route_json
from driftline.cli.sample_rows import sample_rows
from driftline.config.durations import format_duration
from driftline.config.servers import KafkaSettings, RedisSettings
from driftline.config.watches import signal_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.app.sampling import Sample
    from driftline.config.deployment import Deployment, Stream
    from driftline.config.settings import Settings
    from driftline.config.watches import Watch


def deployment_json(deployment: Deployment, environ: Mapping[str, str]) -> dict[str, Any]:
    """The whole deployment, resolved."""
    settings = deployment.settings
    events, dead_letters, alerts, retrain = settings.own_topics
    return {
        "name": settings.name,
        "directory": str(deployment.directory),
        "digest": deployment.digest,
        "servers": dict(zip(("kafka", "redis"), servers(settings), strict=True)),
        "topics": {
            "events": events,
            "dead_letters": dead_letters,
            "alerts": alerts,
            "retrain": retrain,
        },
        "streams": [_stream(stream, settings) for stream in deployment.streams.values()],
        "alerting": _alerting(deployment, environ),
    }


def servers(settings: Settings) -> tuple[str, str]:
    """Where Kafka and Redis are, or `embedded`; without any secret."""
    kafka, redis = settings.kafka, settings.redis
    return (
        kafka.bootstrap if isinstance(kafka, KafkaSettings) else kafka,
        redis.url if isinstance(redis, RedisSettings) else redis,
    )


def unwatched(stream: Stream) -> list[str]:
    """The signals that the stream has and that nothing watches."""
    watched = {watch.signal for watch in stream.watches}
    return [signal for signal in signal_kinds(stream.spec) if signal not in watched]


def instances(stream: Stream, settings: Settings) -> int:
    """How many instances the stream may come to have; the limit is one of each events partition."""
    if stream.spec.split_by is None:
        return 1
    return stream.spec.max_instances * settings.topics.events_partitions


def _alerting(deployment: Deployment, environ: Mapping[str, str]) -> dict[str, Any]:
    alerting = deployment.alerting
    return {
        "receivers": receivers_json(alerting),
        "routes": [route_json(route) for route in alerting.routes],
        "notes": alerting_notes(deployment, environ),
    }


def _stream(stream: Stream, settings: Settings) -> dict[str, Any]:
    spec = stream.spec
    footprint = instance_footprint(stream)
    labels = spec.labels
    return {
        "name": stream.name,
        "description": spec.description,
        "task": spec.task.value,
        "predictions": {"topic": spec.predictions.topic},
        "labels": labels
        and {"topic": labels.topic, "horizon_seconds": labels.horizon.total_seconds()},
        "split_by": spec.split_by and str(spec.split_by),
        "windows": [
            {"size": format_duration(window.size), "keep": format_duration(window.keep)}
            for window in spec.windows
        ],
        "watches": [_watch(watch) for watch in stream.watches],
        "unwatched": unwatched(stream),
        "memory": {
            "instances": instances(stream, settings),
            "redis_bytes_per_instance": footprint.redis,
            "detectors_bytes": footprint.detectors,
            "windows_bytes": footprint.windows,
            "waiting_bytes": footprint.waiting,
            "max_waiting": spec.max_waiting if labels is not None else 0,
            "worker_bytes_per_instance": footprint.worker,
        },
    }


def _watch(watch: Watch) -> dict[str, Any]:
    return {
        "signal": watch.signal,
        "kind": watch.kind.value,
        "needs_labels": watch.needs_labels,
        "severity": watch.severity.value,
        "direction": watch.direction.value,
        "detectors": [
            {
                "profile": profile.name,
                "kind": profile.spec.kind,
                "parameters": profile.spec.model_dump(mode="json", exclude={"kind"}),
            }
            for profile in watch.profiles
        ],
        "redis_bytes": watch_stored(watch),
    }


def sample_json(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """How records map, one entry for each role of each stream."""
    return [
        {
            "stream": sample.stream,
            "role": sample.role.value,
            "topic": sample.topic,
            "exists": sample.exists,
            "records": sample.records,
            "filtered": sum(len(one.filtered) for one in sample.decoded.values()),
            "rows": [row.to_json() for row in sample_rows(sample)],
            "rejects": [
                {
                    "partition": partition,
                    "offset": reject.offset,
                    "code": reject.code.value,
                    "message": reject.message,
                }
                for partition, one in sample.decoded.items()
                for reject in one.rejects
            ],
        }
        for sample in samples
    ]
