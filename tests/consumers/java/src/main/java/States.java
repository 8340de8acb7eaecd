import static java.util.Comparator.comparing;
import static java.util.Comparator.naturalOrder;
import static java.util.Comparator.nullsFirst;

import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The newest state of each SMS; it stands for a table of your database. */
final class States {
  /**
   * The newest event of an SMS.
   *
   * @param conflict two different finals were told
   */
  record State(Event event, long offset, boolean conflict) {}

  /** The whole comparison: is_final, then status_rank, then occurred_at (null lowest), then offset. */
  static final Comparator<State> ORDER = comparing((State state) -> state.event.isFinal())
      .thenComparing(state -> state.event.statusRank())
      .thenComparing(state -> state.event.occurredAt(), nullsFirst(naturalOrder()))
      .thenComparing(State::offset);

  final Map<String, State> latest = new TreeMap<>();
  int duplicates;
  private final Set<String> seen;

  /** Remembers as many event ids as {@code window}: the eldest makes room. */
  States(int window) {
    seen = Collections.newSetFromMap(new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
        return size() > window;
      }
    });
  }

  /** Takes an event in. Gives the SMS's state if that changed, else null. */
  State take(Event event, long offset) {
    State was = latest.get(event.smsId());
    if (was != null && was.event.eventId().equals(event.eventId()) || !seen.add(event.eventId())) {
      duplicates++;
      return null;
    }
    State now = new State(event, offset, false);
    if (was != null) {
      boolean contradicts = was.event.isFinal() && event.isFinal() && !was.event.status().equals(event.status());
      State newer = ORDER.compare(now, was) > 0 ? now : was;
      now = new State(newer.event, newer.offset, was.conflict || contradicts);
    }
    latest.put(event.smsId(), now);
    return now.equals(was) ? null : now;
  }
}
