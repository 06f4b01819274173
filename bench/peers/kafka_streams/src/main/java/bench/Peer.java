package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import moa.classifiers.core.driftdetection.ADWIN;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: halves of pairs in RocksDB with a changelog, MOA's ADWIN per model in memory. */
public final class Peer {
  private static final JsonFactory JSON = new JsonFactory();
  private static final String STORE = "halves";

  private Peer() {}

  /** What is needed of a prediction or a label. */
  private record Half(String id, String model, int value) {
    static Half parse(byte[] body) {
      String id = null;
      String model = null;
      int value = 0;
      try (JsonParser parser = JSON.createParser(body)) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          switch (name) {
            case "id" -> id = parser.getText();
            case "model" -> model = parser.getText();
            case "prediction", "label" -> value = parser.getIntValue();
            default -> parser.skipChildren();
          }
        }
      } catch (IOException error) {
        throw new IllegalArgumentException(error);
      }
      return new Half(id, model, value);
    }
  }

  /** Joins by id; feeds each pair's error to the model's detector. */
  private static final class Join implements Processor<byte[], byte[], byte[], byte[]> {
    private final double delta;
    private final Map<String, ADWIN> detectors = new HashMap<>();
    private final Map<String, Integer> seen = new HashMap<>();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<String, Integer> halves;

    Join(double delta) {
      this.delta = delta;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      this.halves = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      Half half = Half.parse(record.value());
      Integer other = halves.get(half.id());
      if (other == null) {
        halves.put(half.id(), half.value());
        return;
      }
      halves.delete(half.id());
      learn(record, half.model(), other == half.value() ? 0.0 : 1.0);
    }

    private void learn(Record<byte[], byte[]> record, String model, double error) {
      int count = seen.merge(model, 1, Integer::sum);
      if (detectors.computeIfAbsent(model, name -> detector()).setInput(error)) {
        detectors.put(model, detector());
        String alarm = "{\"model\": \"" + model + "\", \"values_seen\": " + count + "}";
        context.forward(record.withValue(alarm.getBytes(StandardCharsets.UTF_8)));
      }
    }

    private ADWIN detector() {
      ADWIN made = new ADWIN(delta);
      made.setClock(1);
      return made;
    }
  }

  /** Runs until killed. The first argument is the processing guarantee. */
  public static void main(String[] arguments) {
    Map<String, String> environ = System.getenv();
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, environ.get("BENCH_GROUP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, environ.get("BENCH_KAFKA"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, environ.get("BENCH_DIRECTORY"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1 << 17);
    double delta = Double.parseDouble(environ.get("BENCH_DELTA"));

    Topology topology = new Topology();
    var bytes = Serdes.ByteArray();
    topology.addSource(
        "records",
        bytes.deserializer(),
        bytes.deserializer(),
        environ.get("BENCH_PREDICTIONS"),
        environ.get("BENCH_LABELS"));
    topology.addProcessor("join", () -> new Join(delta), "records");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.Integer()).withCachingEnabled(),
        "join");
    topology.addSink(
        "alarms", environ.get("BENCH_ALARMS"), bytes.serializer(), bytes.serializer(), "join");
    KafkaStreams streams = new KafkaStreams(topology, settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
