"""The commands that need no server: what they write, and how they end."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from driftline.cli.main import COMMANDS
from driftline.compiled import COMPILED
from support.command import Command
from support.drift_data import read_drift
from support.recorded_stream import write_deployment, write_recordings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ("faust", "river", "pyarrow", "aiokafka", "confluent_kafka", "redis", "pydantic", "numpy")


@pytest.fixture(autouse=True)
def quiet_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands configure the log of their process; afterwards it is as it was."""
    monkeypatch.delenv("DRIFTLINE_KAFKA", raising=False)
    monkeypatch.delenv("DRIFTLINE_REDIS", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def driftline(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_help_names_every_command_and_loads_none(driftline: Command) -> None:
    """`driftline --help` is quick because the libraries behind the commands stay unloaded."""
    ran = driftline("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f" {command.name} " in ran.out
    script = (
        "import sys\n"
        "from driftline.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [str(command.name) for command in COMMANDS])
def test_every_command_that_is_named_is_there(driftline: Command, name: str) -> None:
    """What `--help` lists can be imported, and explains itself."""
    ran = driftline(name, "--help")
    assert ran.code == 0, ran.err
    assert f"driftline {name}" in ran.out


def test_the_version_is_the_packages(driftline: Command) -> None:
    """`driftline --version` says which one is installed, and whether it is compiled."""
    form = r" \(compiled\)" if COMPILED else ""
    assert re.fullmatch(rf"driftline \d+\.\d+\.\d+\S*{form}\n", driftline("--version").out)


@pytest.mark.parametrize(
    "arguments", [["chek"], ["check", "--jsn"], ["replay"], ["init", "a", "b"]]
)
def test_wrong_usage_ends_with_2(driftline: Command, arguments: list[str]) -> None:
    """An unknown command, option or argument, or a missing one."""
    ran = driftline(*arguments)
    assert ran.code == 2
    assert ran.err


def test_a_mistyped_command_is_told_the_right_one(driftline: Command) -> None:
    """The nearest name helps more than the list."""
    assert "'check'" in driftline("chek").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schema", "steam"], "'asyncapi', 'openapi'. Did you mean 'stream'?"),
        (["demo", "foo"], "for 'SCENE': 'foo' is not one of 'car-loan', 'insects'."),
        (["tokens", "create", "bob", "--scope", "wrte"], "'admin'. Did you mean 'write'?"),
        (["worker", "--role", "dcode"], "Did you mean 'decode'?"),
    ],
)
def test_a_wrong_choice_is_told_the_right_ones(
    driftline: Command, arguments: list[str], said: str
) -> None:
    """In our own words, with the nearest if one is near."""
    ran = driftline(*arguments)
    assert ran.code == 2
    text = " ".join(ran.err.replace("│", " ").split())
    assert said in text
    assert "Value error" not in text


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        (["tokens", "create"], "[OPTIONS] NAME"),
        (["replay"], "[OPTIONS] STREAM"),
        (["schema"], "[OPTIONS] [SUBJECT]"),
    ],
)
def test_usage_names_arguments_as_the_documentation_does(
    driftline: Command, command: list[str], usage: str
) -> None:
    """Capital letters, and brackets around what may be left out."""
    shown = driftline(*command, "--help").out
    assert f"Usage: driftline {' '.join(command)} {usage} " in shown


def test_what_init_writes_passes_check(driftline: Command, tmp_path: Path) -> None:
    """The template is a valid deployment as it stands."""
    assert driftline("init", tmp_path / "new").code == 0
    ran = driftline("check", "--deployment", tmp_path / "new")
    assert ran.code == 0, ran.err
    assert "example (binary)" in ran.out


def test_init_says_what_comes_next(driftline: Command, tmp_path: Path) -> None:
    """Beside the list of files, which is all that a pipe gets."""
    ran = driftline("init", tmp_path / "new")
    assert all((tmp_path / "new" / line).exists() for line in ran.out.splitlines())
    assert f"next, in {tmp_path / 'new'}" in ran.err
    assert "`driftline check`" in ran.err


def test_init_overwrites_nothing(driftline: Command, tmp_path: Path) -> None:
    """A second time it says so and fails, and a user's edit is still there."""
    driftline("init", tmp_path)
    stream = tmp_path / "streams" / "example.yaml"
    stream.write_text("mine")
    ran = driftline("init", tmp_path)
    assert ran.code == 1
    assert "already there" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert stream.read_text() == "mine"


def test_every_problem_of_a_deployment_is_said_at_once(
    driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all files and of the environment, each on its line, with exit code 2."""
    write_deployment(tmp_path)
    monkeypatch.setenv("DRIFTLINE_KAFKA", "no-port")
    (tmp_path / "detectors" / "adwin.yaml").write_text("kind: adwin\ndelta: 2\n")
    stream = tmp_path / "streams" / "churn.yaml"
    stream.write_text(stream.read_text().replace("horizon", "horizn"))
    ran = driftline("check", "--deployment", tmp_path)
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert lines[0].endswith("3 problems")
    for part in ("detectors/adwin.yaml", "did you mean 'horizon'?", "DRIFTLINE_KAFKA"):
        assert sum(part in line for line in lines) == 1, part


def test_check_shows_what_each_signal_is_watched_by(driftline: Command, tmp_path: Path) -> None:
    """Every watched signal has its line; what is not watched is named; so is the memory."""
    ran = driftline("check", "--deployment", write_deployment(tmp_path))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert any(re.search(r"error +binary +adwin +critical +up", line) for line in lines)
    assert any(
        re.search(r"feature.amount +unbounded +adwin +warning +both", line) for line in lines
    )
    assert "not watched  loss, score" in ran.out
    assert "1,000,000 predictions wait" in ran.out


def test_checks_json_says_the_same_to_machines(driftline: Command, tmp_path: Path) -> None:
    """Its keys are documented in docs/cli.md, and stay."""
    document = driftline("check", "--deployment", write_deployment(tmp_path), "--json").json
    assert set(document) == {
        "name",
        "directory",
        "digest",
        "servers",
        "topics",
        "streams",
        "alerting",
    }
    assert document["servers"] == {"kafka": "embedded", "redis": "embedded"}
    (stream,) = document["streams"]
    assert stream["labels"] == {"topic": "churn.labels", "horizon_seconds": 30 * 86_400}
    error, amount = stream["watches"]
    assert (error["signal"], error["severity"], error["direction"]) == ("error", "critical", "up")
    assert amount["detectors"][0]["profile"] == "adwin"
    assert amount["detectors"][0]["parameters"]["delta"] == 0.002
    memory = stream["memory"]
    parts = ("detectors_bytes", "windows_bytes", "waiting_bytes")
    assert memory["redis_bytes_per_instance"] == sum(memory[part] for part in parts)


def test_the_environment_overrides_the_addresses(
    driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a password in an address is shown nowhere."""
    monkeypatch.setenv("DRIFTLINE_KAFKA", "broker:9092")
    monkeypatch.setenv("DRIFTLINE_REDIS", "redis://me:hidden@redis:6379/0")
    ran = driftline("check", "--deployment", write_deployment(tmp_path), "--json")
    assert ran.json["servers"] == {"kafka": "broker:9092", "redis": "redis://redis:6379/0"}
    assert "hidden" not in ran.out + ran.err


@pytest.mark.parametrize("subject", ["alert", "stream", "detector", "config", "alerting"])
def test_each_schema_is_json_and_names_its_dialect(driftline: Command, subject: str) -> None:
    """Ready for an editor or a validator."""
    schema = driftline("schema", subject).json
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["title"]


def test_without_a_subject_all_schemas_come(driftline: Command) -> None:
    """By name."""
    assert set(driftline("schema").json) == {"alert", "stream", "detector", "config", "alerting"}


def test_check_counts_the_instances_of_every_events_partition(
    driftline: Command, tmp_path: Path
) -> None:
    """The limit is one of each partition: the memory told is that of all of them."""
    where = write_deployment(tmp_path)
    stream = where / "streams" / "churn.yaml"
    stream.write_text("split_by: country\nmax_instances: 10\n" + stream.read_text())
    assert driftline("check", "--json", "-d", where).json["streams"][0]["memory"]["instances"] == 40
    assert "up to 40 instances" in driftline("check", "-d", where).out


def test_replay_writes_alert_events(driftline: Command, tmp_path: Path) -> None:
    """One CloudEvent a line on standard output; how much and how fast on standard error."""
    predictions, labels = write_recordings(tmp_path, 6_000)
    where = ("--deployment", write_deployment(tmp_path))
    files = ("--predictions", predictions, "--labels", labels)
    ran = driftline("replay", "churn", *files, *where)
    assert ran.code == 0, ran.err
    alerts = [read_drift(line.encode()) for line in ran.out.splitlines()]
    assert {alert.signal for alert in alerts} == {"error", "feature.amount"}
    assert {alert.trigger.topic for alert in alerts} == {"predictions.csv", "labels.csv"}
    how_much, joined = ran.err.splitlines()
    assert re.fullmatch(r"12,000 records in .* s \(.*/s\), \d+ alerts", how_much)
    assert joined == "6,000 of 6,000 labels joined their prediction"


@pytest.mark.parametrize("split", [False, True])
def test_a_replay_says_which_detectors_still_warm_up(
    driftline: Command, tmp_path: Path, *, split: bool
) -> None:
    """A short file sets nothing off, and nobody should take that for a good model."""
    predictions, labels = write_recordings(tmp_path, 300)
    where = write_deployment(tmp_path)
    if split:
        stream = where / "streams" / "churn.yaml"
        stream.write_text("split_by: country\n" + stream.read_text())
        header, *rows = labels.read_text().splitlines()
        labels.write_text("\n".join([f"{header},country", *(f"{row},DE" for row in rows)]))
    files = ("--predictions", predictions, "--labels", labels)
    ran = driftline("replay", "churn", *files, "-d", where)
    assert ran.code == 0
    more = "700 more values" + " of one country" * split
    assert f"still warming up, and silent until then: feature.amount ({more})" in ran.err


@pytest.mark.parametrize(("file", "what"), [(0, "prediction"), (1, "label")])
def test_classes_that_are_spelled_unlike_the_positive_one_are_noticed(
    driftline: Command, tmp_path: Path, file: int, what: str
) -> None:
    """All count as the negative class: without a word that would look like a good model."""
    files = write_recordings(tmp_path, 1_000)
    column = {"prediction": 2, "label": 1}[what]
    header, *rows = files[file].read_text().splitlines()
    told = [row.split(",") for row in rows]
    for cells in told:
        cells[column] = {"0": "no", "1": "yes"}[cells[column]]
    files[file].write_text("\n".join([header, *map(",".join, told)]) + "\n")
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", files[0], "--labels", files[1], *where)
    assert ran.code == 0
    assert f"none of 1,000 {what}s is of the positive class '1'" in ran.err
    assert ran.err.count("positive class") == 1


def test_replay_of_alarms_names_the_record_behind_each(driftline: Command, tmp_path: Path) -> None:
    """With all that it takes to find it: the detector's count, the id, the place, the time."""
    predictions, labels = write_recordings(tmp_path, 6_000)
    where = ("--deployment", write_deployment(tmp_path))
    files = ("--predictions", predictions, "--labels", labels)
    alarms = driftline("replay", "churn", *files, "--alarms", *where).json_lines
    first = next(alarm for alarm in alarms if alarm["signal"] == "feature.amount")
    assert set(first) == {
        *("stream", "instance", "signal", "indicator", "detector", "kind"),
        *("values_seen", "at", "id", "topic", "partition", "offset"),
    }
    assert first["values_seen"] == first["offset"] + 1
    assert first["id"] == f"r{first['offset']}"
    assert 3_000 < first["values_seen"] < 3_200


def test_refused_records_are_told_and_do_not_stop_a_replay(
    driftline: Command, tmp_path: Path
) -> None:
    """How many by reason, and the first in full, with control characters escaped."""
    predictions, labels = write_recordings(tmp_path, 100)
    lines = predictions.read_text().splitlines()
    lines[5] = 'r4,2026-01-01T00:04:00Z,"\x1b[31mred",0.9,1,DE'
    predictions.write_text("\n".join(lines) + "\n")
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", predictions, "--labels", labels, *where)
    assert ran.code == 0
    assert "1 record was refused: " in ran.err
    assert "99 of 100 labels joined their prediction" in ran.err
    assert "predictions line 6: " in ran.err
    assert "\x1b" not in ran.err


def test_a_refused_record_is_named_by_its_line_in_the_file(
    driftline: Command, tmp_path: Path
) -> None:
    """Also where the file is not in the order of time: people look for the line."""
    predictions, labels = write_recordings(tmp_path, 100)
    header, *rows = predictions.read_text().splitlines()
    rows[4] = 'r4,2026-01-01T00:04:00Z,"\x1b[31mred",0.9,1,DE'
    predictions.write_text("\n".join([header, *reversed(rows)]) + "\n")
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", predictions, "--labels", labels, *where)
    assert "predictions line 97: " in ran.err


def test_a_line_that_is_no_json_is_refused_and_the_others_go_on(
    driftline: Command, tmp_path: Path
) -> None:
    """Counted by what is wrong with it, and named by its line."""
    record = '{{"id": "{}", "at": "2026-01-01T00:0{}Z", "predicted": 1, "probability": 0.9}}\n'
    lines = [record.format(minute, f"{minute}:00") for minute in range(9)]
    lines[2:4] = ['{"id": "2", \n', "\n", "[3]\n"]
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text("".join(lines))
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", predictions, *where)
    assert ran.code == 0, ran.err
    assert "9 records in " in ran.err
    assert "2 records were refused: not-json 1, not-an-object 1" in ran.err
    assert "predictions line 3: not-json: " in ran.err
    assert "predictions line 5: not-an-object: " in ran.err


def test_labels_of_which_none_joined_are_shown_beside_the_predictions(
    driftline: Command, tmp_path: Path
) -> None:
    """By an id of each side, and how long labels are waited for: one of both is the reason."""
    predictions, labels = write_recordings(tmp_path, 20)
    labels.write_text(labels.read_text().replace("\nr", "\nR-"))
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", predictions, "--labels", labels, *where)
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == (
        "0 of 20 labels joined their prediction: ids are such as 'r0' in the predictions and 'R-0'"
        " in the labels, and labels are waited for up to 30d"
    )


HEADER = "id,at,predicted,probability,amount,country\n"
RECORD = "r{},2026-01-01T00:0{}:00Z,1,{},1,{}\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no record"),
        ([RECORD.format(n, n, "high", "DE") for n in range(7)], "none of its 7 records could be"),
        (
            [RECORD.format(n, n, 0.5, "FR") for n in range(7)],
            "none of its 7 records is one of the stream's predictions",
        ),
    ],
)
def test_a_replay_that_nothing_came_of_has_failed(
    driftline: Command, tmp_path: Path, rows: list[str], said: str
) -> None:
    """Said in the last line, whether nothing was there, all was refused or none of it is ours."""
    predictions = tmp_path / "predictions.csv"
    predictions.write_text(HEADER + "".join(rows))
    stream = write_deployment(tmp_path) / "streams" / "churn.yaml"
    stream.write_text("where: {country: DE}\n" + stream.read_text())
    ran = driftline("replay", "churn", "--predictions", predictions, "--deployment", tmp_path)
    assert ran.code == 1
    assert f"driftline: {predictions}: {said}" in ran.err.splitlines()[-1]
    if "refused" in ran.err:
        assert "line 2: score-type: score (probability) is 'high'" in ran.err


def test_labels_of_which_none_could_be_taken_in_fail_too(
    driftline: Command, tmp_path: Path
) -> None:
    """But a file without any is one of labels that are not known yet."""
    predictions, labels = write_recordings(tmp_path, 20)
    where = ("--deployment", write_deployment(tmp_path))
    files = ("--predictions", predictions, "--labels", labels)
    labels.write_text(labels.read_text().replace("2026-", "on "))
    ran = driftline("replay", "churn", *files, *where)
    assert ran.code == 1
    labels.write_text("id,truth,known_at\n")
    ran = driftline("replay", "churn", *files, *where)
    assert ran.code == 0
    assert ran.err.splitlines()[-1] == f"{labels}: holds no record"


def test_what_a_command_writes_as_json_cannot_fool_a_terminal(
    driftline: Command, tmp_path: Path
) -> None:
    """All that is not ASCII is escaped, such as what turns text around; nothing is lost by it."""
    where = write_deployment(tmp_path)
    stream = where / "streams" / "churn.yaml"
    stream.write_text('description: "a\u202eb \u00e4"\n' + stream.read_text())
    ran = driftline("check", "--json", "--deployment", where)
    assert ran.out.isascii()
    assert ran.json["streams"][0]["description"] == "a\u202eb \u00e4"


@pytest.mark.parametrize("command", ["replay", "send"])
def test_an_unknown_stream_is_wrong_usage(driftline: Command, tmp_path: Path, command: str) -> None:
    """With the nearest name."""
    predictions, _ = write_recordings(tmp_path, 1)
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline(command, "chrun", "--predictions", predictions, *where)
    assert ran.code == 2
    assert "churn" in ran.err


def test_a_file_that_is_not_there_fails_the_job(driftline: Command, tmp_path: Path) -> None:
    """In one line, without a traceback."""
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("replay", "churn", "--predictions", tmp_path / "none.csv", *where)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "no such file" in ran.err


def test_a_label_delay_has_a_unit(driftline: Command, tmp_path: Path) -> None:
    """A bare number is refused with what would have been right."""
    predictions, labels = write_recordings(tmp_path, 1)
    files = ("--predictions", predictions, "--labels", labels)
    ran = driftline(
        "replay", "churn", *files, "--label-delay", "7", "-d", write_deployment(tmp_path)
    )
    assert ran.code == 2
    assert "14d" in ran.err


def test_without_a_worker_the_embedded_servers_are_missed(
    driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send` finds no servers of a running worker, says so, and fails."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    predictions, _ = write_recordings(tmp_path, 1)
    where = ("--deployment", write_deployment(tmp_path))
    ran = driftline("send", "churn", "--predictions", predictions, *where)
    assert ran.code == 1
    assert "start `driftline worker` first" in ran.err


def test_output_that_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    """As in `driftline replay ... | head`: no traceback, and the code of a closed pipe."""
    process = subprocess.Popen(
        [sys.executable, "-m", "driftline", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert errors == b""


def test_no_command_is_named_twice() -> None:
    """A second one would hide the first."""
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)


def test_the_keys_of_checks_json_are_documented(driftline: Command, tmp_path: Path) -> None:
    """docs/cli.md names every one."""
    document = driftline("check", "--deployment", write_deployment(tmp_path), "--json").json
    text = DOCS.read_text()
    assert {key for key in keys(document) if f"`{key}`" not in text} == set()


def keys(document: object) -> Iterator[str]:
    """The keys of a JSON document at every depth, but for detectors' own parameters."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from keys(value if key != "parameters" else None)
    if isinstance(document, list):
        for value in document:
            yield from keys(value)
