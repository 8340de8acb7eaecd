import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes each record of a topic to another one under its own key, by the client's own partitioner.
 *
 * <p>Arguments: servers, topic to read, topic to write, how many records. With as many partitions in both topics, each
 * record comes into the partition of the same number: what belongs to one SMS can be joined.
 */
public final class Copartition {
  record Copied(String key, int read, int written) {}

  static final JsonMapper JSON = JsonMapper.builder()
      .enable(JsonWriteFeature.ESCAPE_NON_ASCII) // stdout may be of any encoding
      .build();

  public static void main(String[] arguments) {
    System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "auto.offset.reset", "earliest");
    var reading = new ByteArrayDeserializer();
    var writing = new ByteArraySerializer();
    try (var consumer = new KafkaConsumer<>(settings, reading, reading);
        var producer = new KafkaProducer<>(Map.of("bootstrap.servers", arguments[0]), writing, writing)) {
      List<TopicPartition> partitions = consumer.partitionsFor(arguments[1]).stream()
          .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
          .toList();
      consumer.assign(partitions);
      for (int read = 0; read < Integer.parseInt(arguments[3]);) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          read++;
          producer.send(new ProducerRecord<>(arguments[2], record.key(), record.value()), (written, error) -> {
            if (error != null) {
              throw new IllegalStateException(error);
            }
            var copied = new Copied(new String(record.key(), UTF_8), record.partition(), written.partition());
            System.out.println(JSON.writeValueAsString(copied));
          });
        }
      }
    }
  }
}
