"""Streams, their signals, and windows."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from driftline.web.models.common import Answer, Asked, Limit, Moment, Page, cursor_like, example

_STREAM: Final = {
    "stream": "car-loan",
    "declared": True,
    "description": "Will this applicant repay the loan?",
    "owner": "risk",
    "tags": ["eu"],
    "instances": 1,
    "firing": 1,
    "suspended": 0,
    "waiting": 25_012,
    "watermark": "2019-03-04T12:30:00Z",
}


class StreamSummary(Answer):
    """One stream in short."""

    model_config = example(**_STREAM)

    stream: str
    declared: Annotated[
        bool, Field(description="False: it is stored, but the deployment does not name it.")
    ]
    description: str
    owner: str | None
    tags: tuple[str, ...]
    instances: int
    firing: Annotated[int, Field(description="Signals of its instances whose alert fires.")]
    suspended: Annotated[int, Field(description="Instances that are passed over.")]
    waiting: Annotated[int, Field(description="Predictions that wait for their label.")]
    watermark: Annotated[datetime | None, Field(description="How far event time has come.")]


class WatchSummary(Answer):
    """What watches a signal, as declared."""

    signal: str
    severity: str
    detectors: Annotated[tuple[str, ...], Field(description="Detector profiles.")]


class BooksSummary(Answer):
    """What became of the rows of all its sources.

    rows = applied + duplicates + over_max_instances + suspended + difference.
    """

    rows: int
    applied: int
    duplicates: int
    over_max_instances: int
    suspended: int
    difference: Annotated[int, Field(description="On their way, while the log is not all read.")]


class InstanceSummary(Answer):
    """One instance in short."""

    instance: str
    rows: int
    alarms: int
    firing: int
    waiting: int


class SuspendedInstance(Answer):
    """An instance that is passed over."""

    instance: str
    reason: str


class StreamDetail(StreamSummary):
    """One stream."""

    model_config = example(
        **_STREAM,
        task="binary",
        watches=[{"signal": "error", "severity": "critical", "detectors": ["adwin"]}],
        join={"predictions": 100_000, "labels": 74_988, "joined": 74_988},
        books={
            "rows": 174_988,
            "applied": 174_988,
            "duplicates": 0,
            "over_max_instances": 0,
            "suspended": 0,
            "difference": 0,
        },
        noisiest=[
            {"instance": "car-loan", "rows": 174_988, "alarms": 3, "firing": 1, "waiting": 25_012}
        ],
        suspended_instances=[],
    )

    task: Annotated[str | None, Field(description="binary, multiclass or regression.")]
    watches: tuple[WatchSummary, ...]
    join: Annotated[dict[str, int], Field(description="Fates of predictions and labels, counted.")]
    books: BooksSummary
    noisiest: Annotated[
        tuple[InstanceSummary, ...], Field(description="Those with most alarms, at most ten.")
    ]
    suspended_instances: tuple[SuspendedInstance, ...]


class AlarmSummary(Answer):
    """The last alarm of a detector."""

    detector: str
    kind: str
    indicator: str
    values_seen: int
    at: datetime | None
    topic: str
    partition: int
    offset: int
    id: Annotated[str, Field(description="The prediction's id in that record.")]


class SeriesSummary(Answer):
    """The windows of one size that are stored of a signal."""

    size_seconds: float
    windows: int
    first: datetime | None
    last: Annotated[datetime | None, Field(description="Where the newest window begins.")]


class SignalState(Answer):
    """One signal of one instance."""

    signal: str
    watched: Annotated[bool, Field(description="False: it is only counted in windows.")]
    severity: str | None
    detectors: tuple[str, ...]
    values_seen: int
    unusable: Annotated[int, Field(description="Values that no detector could be given.")]
    alarms: int
    firing: bool
    last_alarms: tuple[AlarmSummary, ...]
    series: tuple[SeriesSummary, ...]


class SignalList(Answer):
    """The signals of one instance."""

    instance: str
    signals: tuple[SignalState, ...]


class InstanceName(Answer):
    """An instance."""

    instance: Annotated[str, Field(description="stream, or stream/value.")]


class Quantiles(Answer):
    """Of the values of a window, each to 1 %."""

    p05: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None


class HistogramCounts(Answer):
    """`counts[i]` values from `edges[i]` up to `edges[i + 1]`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class WindowSummary(Answer):
    """One window of a signal."""

    model_config = example(
        start="2019-03-04T00:00:00Z",
        size_seconds=86_400.0,
        open=False,
        count=1_204,
        mean=0.0838,
        sd=0.2772,
        min=0.0,
        max=1.0,
        quantiles={"p05": 0.0, "p25": 0.0, "p50": 0.0, "p75": 0.0, "p95": 1.0},
        histogram=None,
    )

    start: datetime | None
    size_seconds: float
    open: Annotated[bool, Field(description="Whether values may still come.")]
    count: int
    mean: float | None
    sd: Annotated[float | None, Field(description="Sample standard deviation.")]
    min: float | None
    max: float | None
    quantiles: Quantiles
    histogram: Annotated[
        HistogramCounts | None, Field(description="Only where `bins` was asked for.")
    ]


class WindowPage(Page[WindowSummary]):
    """Windows of one signal and size, the newest first."""

    instance: str
    signal: str


class SignalQuery(Asked):
    """Of which instance."""

    instance: Annotated[
        str | None,
        Field(max_length=1_000, description="stream/value; left out: that of the whole stream."),
    ] = None


class WindowQuery(SignalQuery):
    """Which windows are wanted."""

    signal: Annotated[str, Field(min_length=1, max_length=500, examples=["error"])]
    size_seconds: Annotated[
        float | None,
        Field(gt=0, le=1e9, allow_inf_nan=False, description="Left out: the smallest stored."),
    ] = None
    since: Annotated[
        Moment | None, Field(description="Event time: windows that begin then or later.")
    ] = None
    until: Annotated[
        Moment | None, Field(description="Event time: windows that begin before it.")
    ] = None
    bins: Annotated[int, Field(ge=0, le=100, description="Bins of a histogram; 0: none.")] = 0
    limit: Limit = 50
    cursor: Annotated[str | None, cursor_like("^-?[0-9]{1,18}$")] = None
