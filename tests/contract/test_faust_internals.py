"""What `driftline.transport.faust_batches` leans on is as it was read.

The text of each function leant on is known by its digest. A test that fails here after an upgrade
names what has changed: read it again, see that the transport's reasons still hold, and only then
put the new digest down.
"""

from __future__ import annotations

import hashlib
import inspect
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import aiokafka.client
import aiokafka.conn
import aiokafka.consumer.fetcher
import aiokafka.consumer.group_coordinator
import aiokafka.consumer.subscription_state
import aiokafka.protocol.fetch
import faust.agents.agent
import faust.app.base
import faust.assignor.partition_assignor
import faust.streams
import faust.tables.manager
import faust.tables.recovery
import faust.transport.conductor
import faust.transport.consumer
import faust.transport.drivers.aiokafka
import mode.services
import mode.threads
import pytest

from driftline.transport import consumer as ours
from driftline.transport import faust_batches
from driftline.transport.address import KafkaAddress
from driftline.transport.batches import DEFAULT_SETTINGS
from support.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

consumer = faust.transport.consumer
driver = faust.transport.drivers.aiokafka
fetcher = aiokafka.consumer.fetcher

DIGESTS: Final[dict[Callable[..., Any], str]] = {
    # the drain loop calls `getmany`, drops what is below `_read_offset`, and gives up on suspend
    consumer.Consumer._drain_messages: "44a2500309e8",
    consumer.Consumer._wait_next_records: "6218e1969a63",
    consumer.Consumer._get_active_partitions: "b24897f3c7af",
    consumer.Consumer._set_active_tps: "401f4dc88319",
    consumer.Consumer.on_buffer_full: "c8961679e0bc",
    consumer.Consumer.on_buffer_drop: "4b57e8a418d5",
    consumer.Consumer.stop_flow: "cf7e875a2b0d",
    consumer.Consumer.resume_flow: "db59630f25b5",
    # every commit goes through `force_commit`
    consumer.Consumer.commit: "a354437baaa0",
    consumer.Consumer.maybe_wait_for_commit_to_finish: "d687f63a0b5e",
    consumer.Consumer._commit_handler.fun: "4e5da5df0730",
    consumer.Consumer.on_stop: "45b1d2210ce2",
    consumer.Consumer.commit_and_end_transactions: "892377824b11",
    consumer.Consumer.on_task_error: "0d7f23d0bb26",
    # assignment: revoke is awaited, seek comes before the flow
    consumer.Consumer.on_partitions_revoked: "d04b7ae72c6f",
    consumer.Consumer.on_partitions_assigned: "29ce96596f05",
    consumer.ThreadDelegateConsumer.threadsafe_partitions_revoked: "6c55d67e9eb0",
    faust.app.base.App._on_partitions_revoked: "d5c895bbe57d",
    faust.app.base.App._on_partitions_assigned: "de932b7927db",
    faust.app.base.App._stop_consumer: "55854a5de12c",
    faust.app.base.App._on_agent_error: "bdd12f286de6",
    faust.tables.manager.TableManager.on_start: "365dd25fbc0e",
    faust.tables.manager.TableManager._update_channels: "88e3941facc9",
    faust.tables.recovery.Recovery._restart_recovery.fun: "6bd8a8558a2d",
    faust.tables.recovery.Recovery._resume_streams: "d986a6710c1a",
    faust.tables.recovery.Recovery._wait: "ec7429b70176",
    mode.services.Service.wait_first: "feade6a31f8a",
    mode.services.Service.crash: "14980000465d",
    mode.services.Service._crash: "7bc0c709a151",
    # the consumer's thread
    driver.ConsumerRebalanceListener.on_partitions_revoked: "348c3aec879f",
    driver.ConsumerRebalanceListener.on_partitions_assigned: "1c1f8406ad36",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f",
    driver.AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1",
    driver.AIOKafkaConsumerThread._seek_wait: "9d221e816d94",
    driver.AIOKafkaConsumerThread._commit: "932852ce7a23",
    driver.AIOKafkaConsumerThread.on_start: "38b4e8bd1e10",
    driver.AIOKafkaConsumerThread.on_thread_stop: "8dfc004e258b",
    mode.threads.ServiceThread._serve: "67809eae0957",
    # the way of an event
    faust.transport.conductor.ConductorCompiler.build: "837cf521368c",
    faust.streams.Stream.noack: "921a6f5c674d",
    faust.streams.Stream.events: "c62f4dd3a73f",
    faust.assignor.partition_assignor.PartitionAssignor.__init__: "64cb8790c572",
    faust.assignor.partition_assignor.PartitionAssignor._perform_assignment: "1e0bf2c5c8f4",
    # records and positions belong to one step
    fetcher.Fetcher.fetched_records: "be4348896b9b",
    fetcher.FetchResult.getall: "3e717e30de50",
    fetcher.FetchResult.check_assignment: "b5340df67e3f",
    fetcher.PartitionRecords.__init__: "8ec1c2ae6ea1",
    fetcher.PartitionRecords._unpack_records: "b803e6d46480",
    fetcher.Fetcher._proc_fetch_request: "59bf948fff47",
    fetcher.PartitionRecords._consumer_record: "e668541600b0",
    # what a fetch asks for, and of whom
    fetcher.Fetcher._get_actions_per_node: "1dab2cf937d1",
    fetcher.Fetcher._fetch_requests_routine: "2a8ec5932644",
    fetcher.Fetcher._select_read_replica: "70f0665e44fc",
    aiokafka.client.AIOKafkaClient.send: "246b277687d7",
    aiokafka.client.AIOKafkaClient._get_conn: "68ce5d839171",
    aiokafka.conn.AIOKafkaConnection.close: "28f164aa1e4f",
    aiokafka.protocol.fetch.FetchRequest.__init__: "f31b6b74cc94",
    aiokafka.consumer.group_coordinator.GroupCoordinator.check_errors: "ba6ca51ad348",
    aiokafka.consumer.subscription_state.Assignment.state_value: "183fea82ef48",
}


def digest(function: Callable[..., Any]) -> str:
    """The first digits of the function's text's SHA-256."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(function, expected, id=f"{function.__module__}.{function.__qualname__}")
        for function, expected in DIGESTS.items()
    ],
)
def test_what_is_leant_on_reads_as_before(function: Callable[..., Any], expected: str) -> None:
    """No upgrade changes a function underneath the transport unseen."""
    assert digest(function) == expected


def test_the_versions_are_the_pinned_ones() -> None:
    """The three libraries are those that were read."""
    pinned = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}
    assert {name: version(name) for name in pinned} == pinned


def test_the_cython_stream_iterator_is_there() -> None:
    """The Python one acknowledges events that it skips."""
    assert faust.streams._CStreamIterator is not None


def test_getmany_is_an_async_generator_here_and_there() -> None:
    """The drain loop iterates over what `getmany` returns, without awaiting it."""
    assert inspect.isasyncgenfunction(consumer.Consumer.getmany)
    assert inspect.isasyncgenfunction(ours.Consumer.getmany)


async def test_an_app_has_the_settings_that_faust_gets_wrong() -> None:
    """No web server, no leader topic, no topics made, no waiting for streams, even assignment."""
    app = faust_batches.App(
        "g", KafkaAddress("127.0.0.1:1"), {"t": "earliest"}, Recorder(), DEFAULT_SETTINGS
    )
    assert not app.conf.web_enabled
    assert app.conf.topic_disable_leader
    assert not app.conf.topic_allow_declare
    assert not app.conf.stream_wait_empty
    assert app.conf.broker_session_timeout == 6.0
    assert app.conf.broker_heartbeat_interval == 2.0
    assert app.conf.stream_buffer_maxsize == DEFAULT_SETTINGS.queue_batches
    assert app.conf.table_standby_replicas == 1
    assert app.assignor.replicas == 0
    services = [type(service).__name__ for service in app.on_init_dependencies()]
    assert "Web" not in services
    assert "Producer" not in services
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 6066)) != 0


async def test_the_listeners_crash_reason_ends_the_app() -> None:
    """A crash anywhere below the app reaches whoever waits for its end."""
    app = faust_batches.App(
        "g", KafkaAddress("127.0.0.1:1"), {"t": "earliest"}, Recorder(), DEFAULT_SETTINGS
    )
    await app.crash(ValueError("told"))
    with pytest.raises(ValueError, match="told"):
        await app.ended
