"""A file of predictions and a file of labels as one course of events."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftline.config.deployment import Stream
from driftline.config.streams import StreamSpec
from driftline.decode import RejectCode, build_decoder
from driftline.model import SECOND, Role, SourcePartition, iso
from driftline.recorded import RecordingError, Timeline, build_timeline

PREDICTIONS = "id,at,y\na,2024-01-01,1\nb,2024-01-02,0\nc,2024-01-03,1\n"


def stream(**changes: Any) -> Stream:
    """A stream with a time on both sides; keys such as `labels__time` change its declaration."""
    declared: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {"topic": "p", "id": "id", "time": "at", "prediction": "y"},
        "labels": {"topic": "l", "id": "id", "time": "known", "label": "truth"},
    }
    for place, value in changes.items():
        section, _, key = place.partition("__")
        if key:
            declared[section][key] = value
        else:
            declared[section] = value
    return Stream("loans", StreamSpec.model_validate(declared), ())


def written(directory: Path, name: str, text: str) -> Path:
    """A file with this text."""
    path = directory / name
    path.write_text(text)
    return path


def course(timeline: Timeline, events: int = 1) -> list[str]:
    """The events in short: role, id, time."""
    return [
        f"{batch.roles[0][0]} {json.loads(record.value)['id']} {iso(at)[:10]}"
        for batch in timeline.batches(events)
        for record, at in zip(batch.records, batch.times.tolist(), strict=True)
    ]


def test_labels_come_when_their_file_says(tmp_path: Path) -> None:
    """Merged with the predictions by event time; their records are the file's."""
    timeline = build_timeline(
        stream(),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", "id,truth,known\na,1,2024-01-02T12:00\nb,0,2024-01-09\n"),
    )
    assert course(timeline) == [
        "p a 2024-01-01",
        "p b 2024-01-02",
        "l a 2024-01-02",
        "p c 2024-01-03",
        "l b 2024-01-09",
    ]
    assert (timeline.count(Role.PREDICTIONS), timeline.count(Role.LABELS)) == (3, 2)
    labels = [batch for batch in timeline if batch.roles == (Role.LABELS,)]
    assert labels[0].records[0].value == b'{"id":"a","truth":1,"known":"2024-01-02T12:00"}'


def test_columns_that_the_declaration_does_not_read_can_be_left_out(tmp_path: Path) -> None:
    """A reader finds the same in the records as in whole ones, wherever it looks for its fields."""
    declared = stream(
        predictions__id={"key": True},
        predictions__version={"header": "model"},
        predictions__score="sure",
        predictions__features=["account.sum"],
        labels__id={"header": "of"},
        labels__where={"sort": "final"},
        split_by="country",
        where={"kind": "loan"},
    )
    names = "note,key,at,y,model,sure,account.sum,country,kind,income"
    rows = ["x,7,2024-01-02,1,m1,0.5,3,de,loan,5", "y,8,2024-01-01,0,m2,0.25,,at,loan,", ""]
    said = written(tmp_path, "p.csv", "\n".join([names, *rows]))
    rows = ["7,1,de,final,9,2024-02-02,z", "8,0,at,draft,9,2024-02-01,z", ""]
    known = written(tmp_path, "l.csv", "\n".join(["of,truth,country,sort,more,known,kind", *rows]))
    left, whole = (
        [*build_timeline(declared, said, known, whole=whole).batches(1)] for whole in (False, True)
    )
    assert len(left) == len(whole) == 4
    for one, other in zip(left, whole, strict=True):
        [record], [all_of_it] = one.records, other.records
        assert not {"note", "income", "more"} & json.loads(record.value).keys()
        assert {"note", "more"} & json.loads(all_of_it.value).keys()
        assert (record.offset, record.timestamp) == (all_of_it.offset, all_of_it.timestamp)
        assert (record.key, record.headers) == (all_of_it.key, all_of_it.headers)
        decoder = build_decoder(declared, one.roles[0])
        found, wanted = (
            decoder.decode(SourcePartition("file", 0), records, seen_at=None)
            for records in (one.records, other.records)
        )
        assert repr(found) == repr(wanted)
        assert not found.rejects


def test_a_line_of_json_stays_whole(tmp_path: Path) -> None:
    """It is a record as it is: what a reader refuses for its size or depth, it refuses here."""
    file = written(
        tmp_path, "p.jsonl", '{"id": "b", "at": "2024-01-02", "y": 1, "income": [[5]]}\n'
    )
    [batch] = build_timeline(stream(), file, whole=False)
    assert json.loads(batch.records[0].value)["income"] == [[5]]


def test_a_key_that_is_a_number_is_text_as_an_id_is(tmp_path: Path) -> None:
    """In a column of numbers with a fraction in it 7 is 7.0, and still the id 7."""
    declared = stream(predictions__id={"key": True}, labels__id={"key": True})
    timeline = build_timeline(
        declared,
        written(tmp_path, "p.csv", "key,at,y\n7,2024-01-01,1\n"),
        written(tmp_path, "l.csv", "key,truth,known\n7,1,2024-01-02\n7.5,1,2024-01-03\n"),
    )
    assert [one.key for batch in timeline for one in batch.records] == [b"7", b"7", b"7.5"]


def test_labels_without_times_come_right_after_their_predictions(tmp_path: Path) -> None:
    """Found by id; a label of no prediction comes with the row before; the time is written."""
    timeline = build_timeline(
        stream(),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", "id,truth,known\na,1,\nz,1,\nb,0,\n"),
    )
    assert course(timeline) == [
        "p a 2024-01-01",
        "l a 2024-01-01",
        "l z 2024-01-01",
        "p b 2024-01-02",
        "l b 2024-01-02",
        "p c 2024-01-03",
    ]
    [record, *_] = [batch.records[0] for batch in timeline if Role.LABELS in batch.roles]
    assert json.loads(record.value)["known"] == "2024-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("time", "known"),
    [
        ("known", "2024-01-08T00:00:00Z"),
        ({"path": "known", "unit": "s"}, 1704672000),
        ({"path": "known", "unit": "ns"}, 1704672000000000000),
    ],
)
def test_a_label_delay_moves_every_label(tmp_path: Path, time: Any, known: Any) -> None:
    """Whatever the file says; the declared field is written in its declared unit."""
    timeline = build_timeline(
        stream(labels__time=time),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", "id,truth,known\na,1,2024-05-05\n"),
        label_delay=timedelta(days=7),
    )
    assert course(timeline)[-1] == "l a 2024-01-08"
    [*_, last] = timeline
    assert json.loads(last.records[-1].value)["known"] == known


def test_a_nested_time_is_written_where_it_is_declared(tmp_path: Path) -> None:
    """Objects on the way are made."""
    timeline = build_timeline(
        stream(labels__time="meta.known"),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.jsonl", '{"id": "a", "truth": 1}\n'),
    )
    [*_, last] = timeline.batches(1)
    [*_, label] = [batch for batch in timeline if batch.roles == (Role.LABELS,)]
    assert json.loads(label.records[0].value)["meta"] == {"known": "2024-01-01T00:00:00Z"}
    assert last.roles == (Role.PREDICTIONS,)


def test_files_in_any_order_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    """Offsets count the order of time, rows the file; equal times keep the file's order."""
    timeline = build_timeline(
        stream(),
        written(tmp_path, "p.csv", "id,at,y\nc,2024-01-03,1\na,2024-01-01,1\nb,2024-01-01,0\n"),
    )
    assert course(timeline) == ["p a 2024-01-01", "p b 2024-01-01", "p c 2024-01-03"]
    [batch] = timeline
    assert [(record.offset, record.row) for record in batch.records] == [(0, 1), (1, 2), (2, 0)]


def test_predictions_without_times_happen_a_second_apart(tmp_path: Path) -> None:
    """With each label right after its prediction, and record timestamps that say so."""
    timeline = build_timeline(
        stream(predictions__time=None, labels__time=None),
        written(tmp_path, "p.jsonl", '{"id": 7, "y": 1}\n{"id": 8, "y": 0}\n'),
        written(tmp_path, "l.jsonl", '{"id": "7", "truth": 1}\n{"id": 8.0, "truth": 0}\n'),
    )
    found = [
        (batch.roles[0], record.timestamp)
        for batch in timeline.batches(1)
        for record in batch.records
    ]
    assert found == [
        (Role.PREDICTIONS, 0),
        (Role.LABELS, 0),
        (Role.PREDICTIONS, 1_000),
        (Role.LABELS, 1_000),
    ]


def test_one_file_may_hold_predictions_and_labels(tmp_path: Path) -> None:
    """Given twice, records without a label are predictions only."""
    path = written(tmp_path, "both.csv", "id,at,y,truth\na,2024-01-01,1,1\nb,2024-01-02,0,\n")
    timeline = build_timeline(stream(), path, path, label_delay=timedelta(days=9))
    assert course(timeline) == ["p a 2024-01-01", "p b 2024-01-02", "l a 2024-01-10"]


def test_one_topic_of_both_is_sent_once(tmp_path: Path) -> None:
    """One file for a topic that carries predictions and labels has both roles."""
    path = written(tmp_path, "both.csv", "id,at,y,truth\na,2024-01-01,1,1\n")
    [batch] = build_timeline(stream(labels__topic="p"), path)
    assert batch.roles == (Role.PREDICTIONS, Role.LABELS)


def test_ids_count_within_their_instance(tmp_path: Path) -> None:
    """In a stream that is split, equal ids of two instances are two predictions."""
    timeline = build_timeline(
        stream(split_by="model"),
        written(tmp_path, "p.csv", "id,at,y,model\na,2024-01-01,1,m\na,2024-02-01,1,n\n"),
        written(tmp_path, "l.csv", "id,truth,model,known\na,1,n,\n"),
    )
    assert course(timeline)[-1] == "l a 2024-02-01"


def test_fields_of_headers_and_keys_are_taken_from_their_columns(tmp_path: Path) -> None:
    """They leave the value, as in Kafka."""
    timeline = build_timeline(
        stream(predictions__id={"header": "x-id"}, predictions__version={"key": True}),
        written(tmp_path, "p.csv", "x-id,key,at,y\na,v1,2024-01-01,1\n"),
    )
    [[record]] = [batch.records for batch in timeline]
    assert record.headers == (("x-id", b"a"),)
    assert record.key == b"v1"
    assert json.loads(record.value) == {"at": "2024-01-01", "y": 1}


def test_pieces_hold_the_predictions_first(tmp_path: Path) -> None:
    """Batches stay large where predictions and labels alternate."""
    timeline = build_timeline(
        stream(),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", "id,truth\na,1\nb,1\nc,0\n"),
        label_delay=timedelta(0),
    )
    assert [(batch.roles[0], len(batch.records)) for batch in timeline.batches(4)] == [
        (Role.PREDICTIONS, 2),
        (Role.LABELS, 2),
        (Role.PREDICTIONS, 1),
        (Role.LABELS, 1),
    ]
    assert len(timeline) == 6
    assert timeline.span is not None
    assert iso(timeline.span[1]) == "2024-01-03T00:00:00Z"


def test_pieces_are_small_where_few_predictions_may_wait(tmp_path: Path) -> None:
    """A piece's predictions come before its labels, and must not crowd each other out."""
    rows = "".join(f"{n},{iso(n * SECOND)},1\n" for n in range(300))
    timeline = build_timeline(
        stream(max_waiting=100),
        written(tmp_path, "p.csv", "id,at,y\n" + rows),
        written(tmp_path, "l.csv", "id,truth\n" + "".join(f"{n},1\n" for n in range(300))),
        label_delay=timedelta(seconds=20),
    )
    sizes = [len(batch.records) for batch in timeline]
    assert sum(sizes) == 600
    assert max(sizes) <= 10


def test_a_file_without_a_declared_column_is_refused(tmp_path: Path) -> None:
    """At once, with the columns that are there."""
    path = written(tmp_path, "p.csv", "nr,at,y\n1,2024-01-01,1\n")
    said = r"no column id, which the stream declares as predictions\.id; its columns are nr, at, y"
    with pytest.raises(RecordingError, match=said):
        build_timeline(stream(), path)


FULL: dict[str, Any] = {
    "predictions__score": "sure",
    "predictions__version": "model",
    "predictions__features": ["car_value", {"name": "balance", "path": "account.balance"}],
    "split_by": "country",
    "where": {"kind": "loan"},
}
FULL_COLUMNS = ("id", "at", "y", "sure", "model", "car_value", "account.balance", "country", "kind")


@pytest.mark.parametrize(
    ("column", "named", "declared"),
    [
        ("at", "when", "predictions.time"),
        ("sure", "pure", "predictions.score (did you mean pure?)"),
        ("model", "modell", "predictions.version (did you mean modell?)"),
        ("car_value", "CarValue", "predictions.features.car_value (did you mean CarValue?)"),
        ("account.balance", "amount", "predictions.features.balance"),
        ("country", "county", "split_by (did you mean county?)"),
        ("kind", "sort", "where.kind"),
    ],
)
def test_every_declared_field_needs_its_column(
    tmp_path: Path, column: str, named: str, declared: str
) -> None:
    """Also one that a record may lack: no record has it, so it is misspelt or another file's."""
    columns = [named if one == column else one for one in FULL_COLUMNS]
    path = written(tmp_path, "p.csv", ",".join(columns) + "\n")
    with pytest.raises(RecordingError) as error:
        build_timeline(stream(**FULL), path)
    said = f"has no column {column}, which the stream declares as {declared}; its columns are "
    assert said + ", ".join(columns) in str(error.value)


def test_parquet_needs_the_nested_field_too(tmp_path: Path) -> None:
    """Its schema says what the objects hold. All that is missing is told at once."""
    path = tmp_path / "p.parquet"
    row = {"id": 1, "at": "2024-01-01", "y": 1, "account": {"balance": 2.5}, "car_value": 1.0}
    pq.write_table(pa.Table.from_pylist([row]), path)
    features = [{"name": "balance", "path": "account.balance"}, "car_value"]
    build_timeline(stream(predictions__features=features), path)
    with pytest.raises(RecordingError) as error:
        build_timeline(stream(predictions__features=["account.sum", "age"]), path)
    assert "has no column account.sum, which" in str(error.value)
    assert "and no column age, which the stream declares as predictions." in str(error.value)


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"predictions__score": "x"}, "{},2024-01-01,1,0.{}"),
        ({"predictions__features": [{"name": "x", "path": "in.x"}]}, "{},2024-01-01,1,{}"),
        ({"predictions__time": {"path": "x", "unit": "s"}}, "{},,1,{}"),
        ({"task": "regression", "positive": None, "predictions__prediction": "x"}, "{},2024,1,{}"),
        ({"predictions__score": {"header": "x"}}, "{},2024-01-01,1,0.{}"),
    ],
)
def test_one_bad_cell_is_one_refused_record(
    tmp_path: Path, change: dict[str, Any], row: str
) -> None:
    """Wherever a number is declared: the rest of its column are numbers."""
    watched = stream(**{"predictions__time": None} | change)
    column = "in.x" if "predictions__features" in change else "x"
    rows = [row.format(n, n) for n in range(1, 6)]
    rows[2] = rows[2].rpartition(",")[0] + ",abc"
    file = written(tmp_path, "p.csv", "\n".join([f"id,at,y,{column}", *rows, ""]))
    decoder = build_decoder(watched, Role.PREDICTIONS)
    decoded = [
        decoder.decode(SourcePartition("file", 0), batch.records, seen_at=None)
        for batch in build_timeline(watched, file)
    ]
    [reject] = [one for part in decoded for one in part.rejects]
    assert "'abc'; expected a number" in reject.message
    assert sum(map(len, decoded)) == 4


@pytest.mark.parametrize(("positive", "cells"), [(1, "1.0 no 0.0 1"), (True, "True no FALSE true")])
def test_one_odd_cell_makes_no_other_class_of_the_positive_one(
    tmp_path: Path, positive: object, cells: str
) -> None:
    """What is written as a number or as true or false stays one."""
    watched = stream(positive=positive, predictions__time=None)
    rows = [f"{n},{cell}" for n, cell in enumerate(cells.split())]
    [batch] = build_timeline(watched, written(tmp_path, "p.csv", "\n".join(["id,y", *rows, ""])))
    decoder = build_decoder(watched, Role.PREDICTIONS)
    decoded = decoder.decode(SourcePartition("file", 0), batch.records, seen_at=None)
    assert decoded.numbers["prediction"].tolist() == [1, 0, 0, 1]


def test_a_record_of_json_lines_may_lack_a_feature(tmp_path: Path) -> None:
    """Each has its own fields: what is not there is a missing value."""
    path = written(tmp_path, "p.jsonl", '{"id": 1, "at": "2024-01-01", "y": 1}\n')
    assert len(build_timeline(stream(predictions__features=["age"]), path)) == 1


def test_labels_need_the_column_of_their_time(tmp_path: Path) -> None:
    """Unless a label delay says when they come."""
    predictions = written(tmp_path, "p.csv", PREDICTIONS)
    labels = written(tmp_path, "l.csv", "id,truth,knwon\na,1,2024-05-05\n")
    said = r"no column known, which .* labels\.time \(did you mean knwon\?\)"
    with pytest.raises(RecordingError, match=said):
        build_timeline(stream(), predictions, labels)
    untimed = written(tmp_path, "u.csv", "id,truth\na,1\n")
    with pytest.raises(RecordingError, match=r"labels\.time \(--label-delay says when"):
        build_timeline(stream(), predictions, untimed)
    assert len(build_timeline(stream(), predictions, untimed, label_delay=timedelta(0))) == 4


NESTED = {
    "predictions__id": "application.id",
    "predictions__time": "application.meta.at",
    "predictions__features": ["debt"],
}


def test_a_column_named_as_a_dotted_path_is_the_nested_field(tmp_path: Path) -> None:
    """Its records are as they would be in the topic; the labels find their predictions."""
    timeline = build_timeline(
        stream(**NESTED, labels__id="of.id"),
        written(
            tmp_path,
            "p.csv",
            "application.id,application.meta.at,y,debt\n7,2024-01-01,1,\n8,,0,2\n",
        ),
        written(tmp_path, "l.csv", "of.id,truth\n7,1\n"),
        label_delay=timedelta(days=9),
    )
    first, second, label = [record for batch in timeline for record in batch.records]
    meta = {"at": "2024-01-01"}
    assert json.loads(first.value) == {"application": {"id": 7, "meta": meta}, "y": 1}
    assert json.loads(second.value) == {"application": {"id": 8}, "y": 0, "debt": 2}
    assert json.loads(label.value)["of"] == {"id": 7}
    assert json.loads(label.value)["known"] == "2024-01-10T00:00:00Z"


def test_a_name_that_holds_dots_stays_one_name(tmp_path: Path) -> None:
    """Where it is declared as one, in brackets."""
    path = written(tmp_path, "p.csv", "a.b,at,y,c.d\n7,2024-01-01,1,5\n")
    declared = stream(predictions__id=["a.b"], predictions__features=["c.d"])
    [[record]] = [batch.records for batch in build_timeline(declared, path)]
    assert json.loads(record.value) == {"a.b": 7, "at": "2024-01-01", "y": 1, "c": {"d": 5}}


def test_a_nested_field_comes_before_a_column_of_its_path(tmp_path: Path) -> None:
    """In Parquet, which may have both."""
    row = {"in": {"id": 1}, "in.id": 2, "at": "2024-01-01", "y": 1}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p.parquet")
    declared = stream(predictions__id="in.id")
    [[record]] = [batch.records for batch in build_timeline(declared, tmp_path / "p.parquet")]
    assert json.loads(record.value) == row


def test_labels_for_a_stream_without_labels_are_refused(tmp_path: Path) -> None:
    """They would go nowhere."""
    path = written(tmp_path, "p.csv", PREDICTIONS)
    with pytest.raises(RecordingError, match="declares no labels"):
        build_timeline(stream(labels=None), path, path)


def test_times_that_do_not_read_come_with_the_row_before(tmp_path: Path) -> None:
    """Such a record is sent all the same: it is for the worker to refuse it."""
    text = "id,at,y\na,never,1\nb,2024-01-02T00:00:00+02:00,1\nc,soon,1\nd,2024-01-03,1\n"
    timeline = build_timeline(stream(), written(tmp_path, "p.csv", text))
    assert course(timeline) == [
        "p a 2024-01-01",
        "p b 2024-01-01",
        "p c 2024-01-01",
        "p d 2024-01-03",
    ]


@pytest.mark.parametrize("time", ["known", "meta.known"])
def test_a_labels_time_that_does_not_read_stays_and_is_refused(tmp_path: Path, time: str) -> None:
    """As a prediction's is: only a label without a time is given one."""
    watched = stream(labels__time=time)
    timeline = build_timeline(
        watched,
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", f"id,truth,{time}\na,1,2024-01-05\nb,0,gestern\nc,1,\n"),
    )
    assert course(timeline) == [
        "p a 2024-01-01",
        "p b 2024-01-02",
        "l b 2024-01-02",
        "p c 2024-01-03",
        "l c 2024-01-03",
        "l a 2024-01-05",
    ]
    labels = [one for batch in timeline if Role.LABELS in batch.roles for one in batch.records]
    decoder = build_decoder(watched, Role.LABELS)
    decoded = decoder.decode(SourcePartition("file", 0), labels, seen_at=None)
    assert decoded.ids == ("c", "a")
    assert [(one.code, "'gestern'" in one.message) for one in decoded.rejects] == [
        (RejectCode.TIME_FORMAT, True)
    ]


def test_a_label_delay_stands_for_times_that_do_not_read(tmp_path: Path) -> None:
    """It moves every label, whatever the file says; one of no prediction keeps its own."""
    timeline = build_timeline(
        stream(),
        written(tmp_path, "p.csv", PREDICTIONS),
        written(tmp_path, "l.csv", "id,truth,known\na,1,gestern\nz,1,gestern\n"),
        label_delay=timedelta(days=7),
    )
    labels = [one for batch in timeline if Role.LABELS in batch.roles for one in batch.records]
    known = [json.loads(one.value)["known"] for one in labels]
    assert known == ["2024-01-08T00:00:00Z", "gestern"]


def test_a_worker_reads_the_times_that_the_order_goes_by(tmp_path: Path) -> None:
    """Records decode without a reject, to the same event times; also without declared times."""
    for change in ({}, {"predictions__time": None, "labels__time": None}):
        watched = stream(**change)
        timeline = build_timeline(
            watched,
            written(tmp_path, "p.csv", PREDICTIONS),
            written(tmp_path, "l.csv", "id,truth\nc,1\na,1\n"),
            label_delay=timedelta(hours=30),
        )
        for batch in timeline:
            decoder = build_decoder(watched, batch.roles[0])
            decoded = decoder.decode(SourcePartition("file", 0), batch.records, seen_at=None)
            assert not decoded.rejects
            assert decoded.times.tolist() == batch.times.tolist()
