package main

import "cmp"

// State is the newest event of an SMS.
type State struct {
	Event
	Offset   int64
	Conflict bool // two different finals were told
}

// newer is the whole comparison: is_final, then status_rank, then occurred_at (null lowest), then offset.
func (s State) newer(than State) bool {
	if s.IsFinal != than.IsFinal {
		return s.IsFinal
	}
	return cmp.Or(
		cmp.Compare(s.StatusRank, than.StatusRank),
		cmp.Compare(s.OccurredAt, than.OccurredAt),
		cmp.Compare(s.Offset, than.Offset),
	) > 0
}

// States holds the newest state of each SMS; Latest stands for a table of your database.
type States struct {
	Latest map[string]State
	seen   map[string]bool // the newest event ids
	places []string        // a ring of them: the eldest makes room
	next   int
}

// Take takes an event in. It gives the SMS's state, whether that changed, and whether the event was known.
func (s *States) Take(event Event, offset int64) (now State, changed, duplicate bool) {
	was, known := s.Latest[event.SMSID]
	if s.seen[event.EventID] || was.EventID == event.EventID {
		return was, false, true
	}
	delete(s.seen, s.places[s.next])
	s.seen[event.EventID], s.places[s.next] = true, event.EventID
	s.next = (s.next + 1) % len(s.places)
	now = State{Event: event, Offset: offset}
	conflict := was.Conflict || was.IsFinal && now.IsFinal && was.Status != now.Status
	if known && !now.newer(was) {
		now = was
	}
	now.Conflict = conflict
	s.Latest[event.SMSID] = now
	return now, now != was, false
}
