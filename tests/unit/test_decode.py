"""Records become columns: what is one, what is missing, whose a record is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.deployment import Stream
from driftline.config.streams import StreamSpec
from driftline.decode import Decoded, RejectCode, build_decoder
from driftline.eventlog.codec import decode as decode_message
from driftline.eventlog.codec import encode as encode_message
from driftline.eventlog.messages import Rows
from driftline.model import Role
from support.bad_inputs import BAD_INPUTS, GOOD_INPUTS, NOW, STREAMS, Input, fields, good
from support.decoding import SEEN_AT, SOURCE, Placed, alone, outcomes, place

P, L = Role.PREDICTIONS, Role.LABELS


def decode(spec: StreamSpec, role: Role, *values: Any, seen_at: int | None = SEEN_AT) -> Decoded:
    """JSON values as records from offset 0 on; bytes are taken as they are."""
    records = [
        Placed(offset, value if isinstance(value, bytes) else json.dumps(value).encode())
        for offset, value in enumerate(values)
    ]
    return build_decoder(Stream("s", spec, ()), role).decode(SOURCE, records, seen_at=seen_at)


def declare(**changes: Any) -> StreamSpec:
    """A binary stream with id, y, and truth, and what is changed in it."""
    spec: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {"topic": "p", "id": "id", "prediction": "y"},
        "labels": {"topic": "l", "id": "id", "label": "truth"},
    }
    for name, change in changes.items():
        spec[name] = (
            {**spec[name], **change} if isinstance(change, dict) and name in spec else change
        )
    return StreamSpec.model_validate(spec)


raw_values = st.sampled_from(
    [
        '"a1"',
        '"a2"',
        "7",
        "7.0",
        "7.5",
        "0",
        "1",
        "1.0",
        "-0.0",
        "0.5",
        "1e3",
        "2",
        "true",
        "false",
        "null",
        '""',
        '"1"',
        '"true"',
        '"x\\u0000"',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
        "[]",
        "{}",
        '{"id": 3, "ts": 5.5}',
        '{"class": 2}',
        '{"acid": true}',
        '"2026-01-31T07:59:00Z"',
        '"2026-01-31 07:59:00.25"',
        '"2026-01-31T10:00:00Z"',
        "1769846399000",
        "1769846399000.5",
        "9007199254740993",
        "123456789012345678901234567890",
        "1e400",
        "NaN",
        json.dumps("x" * 256),
        json.dumps("ö" * 129, ensure_ascii=False),
        "1e22",
        "10000000000000000000000",
    ]
)


@st.composite
def any_input(draw: st.DrawFn, stream: str, role: Role) -> Input:
    """A record of a stream: mostly near to a good one, sometimes anything."""
    base = draw(
        st.sampled_from(
            [
                each
                for each in BAD_INPUTS + GOOD_INPUTS
                if (each.stream, each.role) == (stream, role)
            ]
        )
        | st.just(good(stream, role))
    )
    value = base.value
    names = list(json.loads(fields(stream, role)))
    match draw(st.integers(0, 5)):
        case 0:
            value = draw(st.none() | st.binary(max_size=60))
        case 1 | 2:
            changes = draw(st.dictionaries(st.sampled_from(names), st.none() | raw_values))
            value = fields(stream, role, **changes)
        case 3 if value:
            cut = draw(st.integers(0, len(value) - 1))
            value = (
                value[:cut] + draw(st.binary(max_size=3)) + value[cut + draw(st.integers(0, 3)) :]
            )
        case _:
            pass
    return Input("", stream, role, value, None, base.key, base.headers, base.timestamp)


STREAMS_AND_ROLES = [(stream, role) for stream in STREAMS for role in Role]


@pytest.mark.parametrize(("stream", "role"), STREAMS_AND_ROLES)
@given(data=st.data(), seen_at=st.sampled_from([None, SEEN_AT]))
def test_a_batch_is_read_as_each_of_its_records(
    stream: str, role: Role, data: st.DataObject, seen_at: int | None
) -> None:
    """However good and bad records are mixed, each offset has the one outcome that it has alone."""
    records = place(data.draw(st.lists(any_input(stream, role), max_size=20)))
    spec = STREAMS[stream]
    decoded = build_decoder(Stream(stream, spec, ()), role).decode(SOURCE, records, seen_at=seen_at)
    assert outcomes(decoded) == [alone(spec, role, record, seen_at) for record in records]


@pytest.mark.parametrize(("stream", "role"), STREAMS_AND_ROLES)
@given(data=st.data())
def test_numbers_are_finite_and_only_features_are_missing(
    stream: str, role: Role, data: st.DataObject
) -> None:
    """No detector downstream meets an infinity, nor a NaN where a value must be."""
    records = place(data.draw(st.lists(any_input(stream, role), max_size=20)))
    decoded = build_decoder(Stream(stream, STREAMS[stream], ()), role).decode(
        SOURCE, records, seen_at=None
    )
    for name, column in decoded.numbers.items():
        assert not np.isinf(column).any()
        assert name.startswith("feature.") or not np.isnan(column).any()
    for name, texts in decoded.texts.items():
        assert name == "version" or name.startswith("feature.") or (texts.codes >= 0).all()


@pytest.mark.parametrize(("stream", "role"), STREAMS_AND_ROLES)
def test_what_is_decoded_can_be_written_to_the_log(stream: str, role: Role) -> None:
    """Every column of every good input passes the events log's checks."""
    inputs = [each for each in GOOD_INPUTS if (each.stream, each.role) == (stream, role)]
    decoded = build_decoder(Stream(stream, STREAMS[stream], ()), role).decode(
        SOURCE, place([good(stream, role), *inputs]), seen_at=SEEN_AT
    )
    split = decoded.instances
    rows = Rows(
        stream=stream,
        role=role,
        source=SOURCE,
        first=0,
        next=1_000,
        seen_at=SEEN_AT,
        instances=(None,) if split is None else split.values,
        instance_codes=np.zeros(len(decoded), np.int32) if split is None else split.codes,
        offsets=decoded.offsets,
        ids=decoded.ids,
        times=decoded.times,
        numbers=decoded.numbers,
        texts=decoded.texts,
    )
    again = decode_message(encode_message(rows))
    assert isinstance(again, Rows)
    assert again.ids == decoded.ids


def test_an_empty_batch_has_all_columns() -> None:
    """Nothing in, nothing out, with the columns that there would be."""
    decoded = build_decoder(Stream("loan", STREAMS["loan"], ()), P).decode(SOURCE, [], seen_at=None)
    assert set(decoded.numbers) == {"prediction", "score", "feature.income"}
    assert set(decoded.texts) == {"version", "feature.region"}
    assert len(decoded) == 0


def test_ids_compare_as_text() -> None:
    """7, 7.0 and "7" are one id; "7.0" is another."""
    decoded = decode(declare(), P, *({"id": each, "y": 1} for each in (7, 7.0, "7", "7.0")))
    assert decoded.ids == ("7", "7", "7", "7.0")


@pytest.mark.parametrize("one", [1, 1.0, "1"])
def test_the_positive_class_is_one_however_it_is_written(one: object) -> None:
    """1, 1.0 and "1" are one class; everything else is not."""
    values = [{"id": 1, "y": each} for each in (one, 0, True, "1.0", "yes", 2.5)]
    assert decode(declare(), P, *values).numbers["prediction"].tolist() == [1, 0, 0, 0, 0, 0]


def test_a_boolean_class_is_its_json_text() -> None:
    """With `positive: true`, true and "true" are 1; 1 is not."""
    values = [{"id": 1, "truth": each} for each in (True, "true", False, 1, "True")]
    decoded = decode(declare(positive=True), L, *values)
    assert decoded.numbers["label"].tolist() == [1, 1, 0, 0, 0]


def test_classes_of_a_multiclass_stream_are_canonical_texts() -> None:
    """The column holds each class once."""
    values = [{"id": 1, "truth": each} for each in (2, "red", 2.0, "2", True, 1, 0.5)]
    label = decode(declare(task="multiclass", positive=None), L, *values).texts["label"]
    assert label.values == ("2", "red", "true", "1", "0.5")
    assert label.codes.tolist() == [0, 1, 0, 0, 2, 3, 4]


def test_a_missing_feature_is_a_value_of_its_own() -> None:
    """Left out and null are both missing; false is 0, an empty text is a text."""
    features = ["n", {"name": "c", "categorical": True}]
    values = [
        {"id": 1, "y": 1, "n": 2.5, "c": "a"},
        {"id": 1, "y": 1, "n": None, "c": None},
        {"id": 1, "y": 1},
        {"id": 1, "y": 1, "n": False, "c": ""},
    ]
    decoded = decode(declare(predictions={"features": features}), P, *values)
    numbers, texts = decoded.numbers["feature.n"], decoded.texts["feature.c"]
    assert np.array_equal(numbers, [2.5, np.nan, np.nan, 0.0], equal_nan=True)
    assert [texts[row] for row in range(4)] == ["a", None, None, ""]
    assert decoded.rejects == ()


def test_a_name_with_a_dot_is_reached_by_a_path_in_parts() -> None:
    """`a.b` always goes into the object `a`; {path: [a.b]} is the name with the dot."""
    features = [{"name": "inside", "path": "a.b"}, {"name": "flat", "path": {"path": ["a.b"]}}]
    decoded = decode(
        declare(predictions={"features": features}), P, {"id": 1, "y": 1, "a.b": 2, "a": {"b": 3}}
    )
    assert decoded.numbers["feature.inside"].tolist() == [3]
    assert decoded.numbers["feature.flat"].tolist() == [2]


def test_a_field_may_be_read_whole_and_from_within() -> None:
    """Paths that overlap are read all the same."""
    features = [{"name": "a", "path": "m.a"}, {"name": "m", "categorical": True}]
    spec = declare(predictions={"features": features})
    decoded = decode(spec, P, {"id": 1, "y": 1, "m": {"a": 3}}, {"id": 2, "y": 1, "m": "text"})
    assert [each.code for each in decoded.rejects] == [RejectCode.FEATURE_TYPE]
    assert decoded.texts["feature.m"][0] == "text"


def test_where_leaves_out_what_is_not_this_streams() -> None:
    """Values compare as canonical text; what is not ours is not looked at further."""
    values = [
        {"model": 7, "id": 1, "y": 1},
        {"model": 7.0, "id": 2, "y": 1},
        {"model": "7", "id": 3, "y": 1},
        {"model": "8", "id": 4, "y": 1},
        {"id": 5, "y": 1},
        {"model": None, "y": []},
        {"model": [7], "id": 6},
        {"model": True, "id": {}},
    ]
    decoded = decode(declare(where={"model": 7}), P, *values)
    assert decoded.ids == ("1", "2", "3")
    assert decoded.filtered == (3, 4, 5, 6, 7)
    assert decoded.rejects == ()


def test_in_a_shared_topic_each_role_takes_its_own_records() -> None:
    """A record with only the other role's field is the other's; with neither it is refused."""
    spec = declare(labels={"topic": "p"})
    values = [
        {"id": 1, "y": 1},
        {"id": 2, "truth": 0},
        {"id": 3, "y": 1, "truth": 0},
        {"id": 4, "y": None, "truth": 1},
        {"y": 1},
        {"id": 6},
    ]
    predictions, labels = decode(spec, P, *values), decode(spec, L, *values)
    assert (predictions.ids, predictions.filtered) == (("1", "3"), (1, 3))
    assert [each.code for each in predictions.rejects] == ["id-missing", "prediction-missing"]
    assert (labels.ids, labels.filtered) == (("2", "3", "4"), (0, 4))
    assert [each.code for each in labels.rejects] == ["label-missing"]


def test_a_split_stream_names_an_instance_for_each_row() -> None:
    """Values are canonical text, each held once."""
    values = [{"id": 1, "y": 1, "tenant": each} for each in ("acme", 7, "acme", 7.0, True)]
    instances = decode(declare(split_by="tenant"), P, *values).instances
    assert instances is not None
    assert instances.values == ("acme", "7", "true")
    assert instances.codes.tolist() == [0, 1, 0, 1, 2]


def test_without_a_declared_time_kafkas_timestamp_counts() -> None:
    """Milliseconds become microseconds."""
    assert decode(declare(), P, {"id": 1, "y": 1}).times.tolist() == [NOW * 1_000]


def test_a_file_is_read_without_a_clock() -> None:
    """Without a reader's clock no time lies too far ahead."""
    spec = declare(predictions={"time": "at"})
    value = {"id": 1, "y": 1, "at": "9999-12-31T23:59:59Z"}
    assert len(decode(spec, P, value, seen_at=None)) == 1
    assert [each.code for each in decode(spec, P, value).rejects] == ["time-too-far-ahead"]


def test_of_a_repeated_name_the_last_one_counts() -> None:
    """In a batch that is read fast, and where the first one is of a wrong type."""
    decoded = decode(declare(), P, b'{"id": 1, "id": 2, "y": 1}', b'{"id": [], "id": 3, "y": 1}')
    assert decoded.ids == ("2", "3")


def test_of_a_repeated_header_the_last_one_counts() -> None:
    """As with Kafka's own lastHeader."""
    decoder = build_decoder(Stream("rent", STREAMS["rent"], ()), P)
    headers = (("rooms", b"3"), ("rooms", b"4"))
    records = [Placed(0, fields("rent", P), key=b"k", headers=headers)]
    decoded = decoder.decode(SOURCE, records, seen_at=None)
    assert decoded.numbers["feature.rooms"].tolist() == [4]
    assert decoded.ids == ("k",)


def test_labels_that_are_not_declared_have_no_decoder() -> None:
    """Asking for one is a mistake of the caller's."""
    spec = StreamSpec.model_validate(
        {"task": "regression", "predictions": {"topic": "p", "id": "id", "prediction": "y"}}
    )
    with pytest.raises(ValueError, match="declares no labels"):
        build_decoder(Stream("s", spec, ()), L)
