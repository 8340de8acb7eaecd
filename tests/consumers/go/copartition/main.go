// Writes each record of a topic to another one under its own key, by the client's own partitioner.
//
// Arguments: servers, topic to read, topic to write, how many records. With as many partitions in both topics,
// each record comes into the partition of the same number: what belongs to one SMS can be joined.
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
	limit, err := strconv.Atoi(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	// No partitioner is named: the default one hashes a key as Java's does, and so does kgo.StickyKeyPartitioner(nil).
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]), kgo.ConsumeTopics(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	out := json.NewEncoder(os.Stdout)
	for read := 0; read < limit; {
		records := client.PollFetches(context.Background()).Records()
		read += len(records)
		for _, record := range records {
			copied := &kgo.Record{Topic: os.Args[3], Key: record.Key, Value: record.Value}
			client.Produce(context.Background(), copied, func(written *kgo.Record, err error) {
				if err != nil {
					log.Fatal(err)
				}
				out.Encode(map[string]any{
					"key": string(written.Key), "read": record.Partition, "written": written.Partition,
				})
			})
		}
	}
	if err := client.Flush(context.Background()); err != nil {
		log.Fatal(err)
	}
}
