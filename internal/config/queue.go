package config

import (
	"slices"
	"strconv"
	"strings"
)

const queueSection = "rabbit_queue_options"

// QueueOptions says how a queue that does not exist is declared.
type QueueOptions struct {
	// Durable is on by default.
	Durable    bool
	Exclusive  bool
	AutoDelete bool
	// Passive: the queue must exist and is never declared.
	Passive bool
	// Arguments are the keys that start with x-, each an int64, a bool or a
	// string. The map is the caller's.
	Arguments map[string]any
}

// Arguments whose type RabbitMQ insists on; that of any other is read off its
// value.
var (
	integerArguments = []string{
		"x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority",
		"x-delivery-limit", "x-quorum-initial-group-size", "x-quorum-target-group-size",
	}
	textArguments = []string{
		"x-queue-type", "x-overflow", "x-queue-mode", "x-queue-leader-locator", "x-queue-master-locator",
		"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy",
	}
	flagArguments = []string{"x-single-active-consumer"}
)

func (s *section) queueOptions() QueueOptions {
	o := QueueOptions{
		Durable:    s.flag("durable", true),
		Exclusive:  s.flag("exclusive", false),
		AutoDelete: s.flag("auto_delete", false),
		Passive:    s.flag("passive", false),
		Arguments:  map[string]any{},
	}
	if e, _ := s.get("exclusive"); o.Exclusive {
		s.reject(e, "no: an exclusive queue is deleted when its connection ends, and the messages in it, though confirmed, are lost")
	}
	if e, _ := s.get("auto_delete"); o.AutoDelete {
		s.file.warnAt(e, "an auto_delete queue is deleted with its messages when its last consumer leaves; set it to no")
	}
	for _, e := range s.file.entries {
		inherited := e.section == defaultSection
		if !strings.HasPrefix(e.key, "x-") || !inherited && e.section != s.name {
			continue
		}
		if _, own := s.file.index[name{s.name, e.key}]; inherited && own {
			continue
		}
		o.Arguments[e.key] = s.argument(e)
	}
	return o
}

func (s *section) argument(e entry) any {
	text := e.text.Reveal()
	number, err := strconv.ParseInt(text, 10, 64)
	isFlag := strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
	switch {
	case slices.Contains(textArguments, e.key):
		return text
	case slices.Contains(integerArguments, e.key) && err != nil:
		s.reject(e, "a whole number")
	case slices.Contains(flagArguments, e.key) && !isFlag:
		s.reject(e, "true or false")
	case err == nil:
		return number
	case isFlag:
		return strings.EqualFold(text, "true")
	case isDigits(text):
		s.reject(e, "a whole number of at most 64 bits")
	}
	return text
}

func isDigits(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
