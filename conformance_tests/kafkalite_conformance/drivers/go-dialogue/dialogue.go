// Commands in, events out: the half of a Go driver that knows nothing of its client.
// The build copies this file beside the main.go of each Go driver.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
)

type fields map[string]any

type partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

type placement struct {
	partition
	Offset int64  `json:"offset"`
	Start  string `json:"start"`
	At     *int64 `json:"at"`
}

type header struct {
	Name  string
	Value []byte
}

func (h *header) UnmarshalJSON(text []byte) error {
	var pair [2]*json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	if err := json.Unmarshal(*pair[0], &h.Name); err != nil || pair[1] == nil {
		return err
	}
	return json.Unmarshal(*pair[1], &h.Value)
}

type record struct {
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
	Partition *int32   `json:"partition"`
	Timestamp *int64   `json:"timestamp"`
}

type command struct {
	Op              string            `json:"op"`
	ID              int               `json:"id"`
	Name            string            `json:"name"`
	Topic           string            `json:"topic"`
	Partition       int32             `json:"partition"`
	Offset          int64             `json:"offset"`
	Start           string            `json:"start"`
	At              int64             `json:"at"`
	Topics          []string          `json:"topics"`
	Group           string            `json:"group"`
	Assignor        string            `json:"assignor"`
	Protocol        string            `json:"protocol"`
	Reset           string            `json:"reset"`
	Isolation       string            `json:"isolation"`
	SessionMillis   int               `json:"session_timeout_ms"`
	MetadataMillis  int               `json:"metadata_max_age_ms"`
	IntervalMillis  int               `json:"interval_ms"`
	TimeoutMillis   int               `json:"timeout_ms"`
	AutoCommit      bool              `json:"auto_commit"`
	InstanceID      *string           `json:"instance_id"`
	Records         []record          `json:"records"`
	Count           int               `json:"count"`
	Prefix          string            `json:"prefix"`
	Compression     string            `json:"compression"`
	Acks            string            `json:"acks"`
	Idempotence     bool              `json:"idempotence"`
	TransactionalID *string           `json:"transactional_id"`
	Outcome         string            `json:"outcome"`
	Configs         map[string]string `json:"configs"`
	Total           int32             `json:"total"`
	// Depending on the command a count or a list.
	Partitions json.RawMessage `json:"partitions"`
	// Null for a commit of everything that was consumed.
	Offsets []placement `json:"offsets"`
}

func (c *command) places() []placement {
	var result []placement
	if err := json.Unmarshal(c.Partitions, &result); err != nil {
		panic(err)
	}
	return result
}

func (c *command) partitionCount() int32 {
	var result int32
	if err := json.Unmarshal(c.Partitions, &result); err != nil {
		panic(err)
	}
	return result
}

func (c *command) everyRecord() []record {
	records := c.Records
	for i := range c.Count {
		records = append(records, record{Value: fmt.Appendf(nil, "%s%d", c.Prefix, i)})
	}
	return records
}

var saying sync.Mutex

func say(event string, more fields) {
	line := fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	saying.Lock()
	defer saying.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func sayRecord(topic string, number int32, offset, timestamp int64, key, value []byte, headers []header) {
	pairs := [][]any{}
	for _, each := range headers {
		pairs = append(pairs, []any{each.Name, each.Value})
	}
	say("record", fields{"topic": topic, "partition": number, "offset": offset, "timestamp": timestamp,
		"key": key, "value": value, "headers": pairs})
}

// ownership is what a group member owns; clients tell its changes from goroutines of their own.
type ownership struct {
	mutex sync.Mutex
	owned map[partition]bool
}

// change tells what is owned now, if that is news; an empty assignment always is.
func (o *ownership) change(event string, topics map[string][]int32, now bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.owned == nil {
		o.owned = map[partition]bool{}
	}
	before := len(o.owned)
	for topic, numbers := range topics {
		for _, number := range numbers {
			if now {
				o.owned[partition{topic, number}] = true
			} else {
				delete(o.owned, partition{topic, number})
			}
		}
	}
	if before == len(o.owned) && len(topics) > 0 {
		return
	}
	all := []partition{}
	for each := range o.owned {
		all = append(all, each)
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].Topic < all[j].Topic || all[i].Topic == all[j].Topic && all[i].Partition < all[j].Partition
	})
	say(event, fields{"owned": all})
}

// obeyCommands hands each command to work, and tells how it ended.
func obeyCommands(work func(*command) (fields, error), name func(error) string) {
	say("ready", nil)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			// The end of the commands means that the suite is gone: no clean close, as in a crash.
			os.Exit(0)
		}
		each := &command{}
		if err := json.Unmarshal(line, each); err != nil {
			panic(err)
		}
		if each.Op == "exit" {
			os.Exit(0)
		}
		go func() {
			result, err := work(each)
			if err != nil {
				say("failed", fields{"id": each.ID, "error": name(err), "message": err.Error()})
				return
			}
			if result == nil {
				result = fields{}
			}
			result["id"] = each.ID
			say("done", result)
		}()
	}
}
