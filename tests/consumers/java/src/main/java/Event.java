import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.type.LogicalType;

/**
 * What this consumer needs of a status event; what else there is, is ignored.
 *
 * @param status a text: a word that is added later is no reason to stop
 * @param occurredAt may be null; all times have one form, in which they sort as texts
 */
record Event(int schemaVersion, String eventId, String smsId, String status, int statusRank, boolean isFinal,
    String occurredAt, Source source) {
  record Source(String status) {}

  static final JsonMapper JSON = JsonMapper.builder()
      .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
      .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
      .withCoercionConfig(LogicalType.Textual, texts -> texts // nor is the number 5 the text "5"
          .setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
          .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
          .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
      .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
      .build();

  Event {
    if (schemaVersion != 1) {
      throw new IllegalArgumentException("The event is of version " + schemaVersion + ".");
    }
    List.of(eventId, smsId, status, source); // none of them is null
  }

  /** Gives the event in a record's value, or null where there is none of version 1. */
  static Event read(byte[] value) {
    try {
      return value == null ? null : JSON.readValue(value, Event.class);
    } catch (JacksonException error) {
      return null;
    }
  }
}
