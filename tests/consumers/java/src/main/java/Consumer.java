import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Keeps the newest state of each SMS, from the relay's status topic.
 *
 * <p>Arguments: servers, topic, group, how many records to read, and how many event ids to remember (100,000).
 */
public final class Consumer {
  static final JsonMapper OUT = Event.JSON.rebuild()
      .enable(JsonWriteFeature.ESCAPE_NON_ASCII) // stdout may be of any encoding
      .build();

  record Shown(String smsId, String status, String providerStatus, String occurredAt, String eventId,
      boolean conflict) {
    Shown(States.State state) {
      this(state.event().smsId(), state.event().status(), state.event().source().status(),
          state.event().occurredAt(), state.event().eventId(), state.conflict());
    }
  }

  public static void main(String[] arguments) {
    System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
    int count = Integer.parseInt(arguments[3]);
    States states = new States(arguments.length > 4 ? Integer.parseInt(arguments[4]) : 100_000);
    int read = 0;
    int unreadable = 0;
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "group.id", arguments[2],
        "auto.offset.reset", "earliest", "enable.auto.commit", false);
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    try (KafkaConsumer<byte[], byte[]> kafka = new KafkaConsumer<>(settings, bytes, bytes)) {
      kafka.subscribe(List.of(arguments[1]));
      while (read < count) {
        for (ConsumerRecord<byte[], byte[]> record : kafka.poll(Duration.ofSeconds(1))) {
          read++;
          Event event = Event.read(record.value());
          if (event == null) {
            unreadable++;
            System.err.printf("no event of version 1: partition %d, offset %d%n", record.partition(), record.offset());
            continue;
          }
          States.State changed = states.take(event, record.offset());
          if (changed != null) {
            System.out.println(OUT.writeValueAsString(new Shown(changed)));
          }
        }
        kafka.commitSync(); // After the work: what was not committed is told again, and recognised.
      }
    }
    Map<String, Shown> snapshot = new TreeMap<>();
    states.latest.forEach((id, state) -> snapshot.put(id, new Shown(state)));
    System.out.println(OUT.writeValueAsString(Map.of("snapshot", snapshot, "read", read,
        "duplicates", states.duplicates, "unreadable", unreadable)));
  }
}
