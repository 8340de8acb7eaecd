package main

import (
	"encoding/json"
	"unicode/utf8"
)

// Event is what this consumer needs of a status event; what else there is, is ignored.
type Event struct {
	SchemaVersion int    `json:"schema_version"`
	EventID       string `json:"event_id"`
	SMSID         string `json:"sms_id"`
	Status        string `json:"status"` // a text: a word that is added later is no reason to stop
	StatusRank    int    `json:"status_rank"`
	IsFinal       bool   `json:"is_final"`
	OccurredAt    string `json:"occurred_at"` // empty for null; all times have one form, in which they sort as texts
	Source        struct {
		Status string `json:"status"`
	} `json:"source"`
}

// Read gives the event in a record's value; false where there is none of version 1.
func Read(value []byte) (event Event, ok bool) {
	// encoding/json would put a replacement character where the bytes are not UTF-8.
	ok = utf8.Valid(value) && json.Unmarshal(value, &event) == nil &&
		event.SchemaVersion == 1 && event.EventID != "" && event.SMSID != "" && event.Status != ""
	return event, ok
}
