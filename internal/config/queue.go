package config

import (
	"slices"
	"strconv"
	"strings"
)

const queueSection = "rabbit_queue_options"

// QueueOptions are the options with which a queue is declared if it does not exist.
type QueueOptions struct {
	Durable    bool
	Exclusive  bool
	AutoDelete bool
	Passive    bool // the queue must exist: it is never declared
	// Arguments are the keys that start with x-. Each value is an int64, a bool or
	// a string. The caller may change the map.
	Arguments map[string]any
}

// The arguments whose types RabbitMQ checks. The type of any other argument is guessed
// from its value.
var (
	integerArguments = []string{
		"x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority",
		"x-delivery-limit", "x-quorum-initial-group-size", "x-quorum-target-group-size",
	}
	textArguments = []string{
		"x-queue-type", "x-overflow", "x-queue-mode", "x-queue-leader-locator", "x-queue-master-locator",
		"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy",
	}
	boolArguments = []string{"x-single-active-consumer"}
)

func (s *section) queueOptions() QueueOptions {
	o := QueueOptions{
		Durable:    s.boolean("durable", defaultDurable),
		Exclusive:  s.boolean("exclusive", false),
		AutoDelete: s.boolean("auto_delete", false),
		Passive:    s.boolean("passive", false),
		Arguments:  map[string]any{},
	}
	if e, _ := s.get("exclusive"); o.Exclusive {
		s.wrong(e, "no: an exclusive queue is deleted with its connection, and the confirmed messages in it are lost")
	}
	if e, _ := s.get("auto_delete"); o.AutoDelete {
		s.file.warnAt(e, "an auto_delete queue is deleted with its messages when its last consumer leaves; set it to no")
	}
	for _, e := range s.file.entries {
		// Entries of other sections are skipped, and entries of [DEFAULT] that this
		// section overrides.
		if effective, _ := s.file.lookup(s.name, e.key); effective == e && strings.HasPrefix(e.key, "x-") {
			o.Arguments[e.key] = s.argument(e)
		}
	}
	return o
}

// argument returns the value of a queue argument with the type that RabbitMQ wants.
func (s *section) argument(e entry) any {
	text := e.text.Reveal()
	number, err := strconv.ParseInt(text, 10, 64)
	isBool := strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
	switch {
	case slices.Contains(textArguments, e.key):
		return text
	case slices.Contains(integerArguments, e.key) && err != nil:
		s.wrong(e, "a whole number")
	case slices.Contains(boolArguments, e.key) && !isBool:
		s.wrong(e, "true or false")
	case err == nil:
		return number
	case isBool:
		return strings.EqualFold(text, "true")
	case isDigits(text):
		s.wrong(e, "a whole number of at most 64 bits")
	}
	return text
}

func isDigits(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
