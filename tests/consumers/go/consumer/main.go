// Keeps the newest state of each SMS, from the relay's status topic.
//
// Arguments: servers, topic, group, how many records to read, and how many event ids to remember (100,000).
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	count, window := argument(4, 0), argument(5, 100_000)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]), kgo.ConsumeTopics(os.Args[2]), kgo.ConsumerGroup(os.Args[3]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	states := States{Latest: map[string]State{}, seen: map[string]bool{}, places: make([]string, window)}
	read, duplicates, unreadable := 0, 0, 0
	out := json.NewEncoder(os.Stdout)
	for read < count {
		fetches := client.PollFetches(context.Background())
		fetches.EachError(func(topic string, partition int32, err error) { log.Print(topic, partition, err) })
		fetches.EachRecord(func(record *kgo.Record) {
			read++
			event, ok := Read(record.Value)
			if !ok {
				unreadable++
				log.Printf("no event of version 1: partition %d, offset %d", record.Partition, record.Offset)
				return
			}
			state, changed, duplicate := states.Take(event, record.Offset)
			if duplicate {
				duplicates++
			}
			if changed {
				out.Encode(shown(state))
			}
		})
		// After the work: what was not committed is told again, and recognised.
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			log.Print(err)
		}
		client.AllowRebalance()
	}
	snapshot := map[string]any{}
	for id, state := range states.Latest {
		snapshot[id] = shown(state)
	}
	out.Encode(map[string]any{"snapshot": snapshot, "read": read, "duplicates": duplicates, "unreadable": unreadable})
}

func shown(state State) map[string]any {
	return map[string]any{
		"sms_id": state.SMSID, "status": state.Status, "provider_status": state.Source.Status,
		"occurred_at": null(state.OccurredAt), "event_id": state.EventID, "conflict": state.Conflict,
	}
}

func null(empty string) any {
	if empty == "" {
		return nil
	}
	return empty
}

func argument(place, otherwise int) int {
	if place >= len(os.Args) {
		return otherwise
	}
	value, err := strconv.Atoi(os.Args[place])
	if err != nil {
		log.Fatal(err)
	}
	return value
}
