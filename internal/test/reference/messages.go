package reference

import (
	"fmt"
	"hash/crc32"

	"tstat-transport/internal/message"
)

// MaxFlows is the largest number of flows of a message.
const MaxFlows = 100

// Message is the content of one message.
type Message struct {
	// From and To are the byte range [From, To) in the log. From is the end of the message
	// before, or where reading started. To is the end of the last row.
	From, To int64
	// Flows has 1 to MaxFlows flows.
	Flows []message.Flow
}

// ID returns the id of the message. log is SENSOR/INSTANCE/DIRECTORY/LOG, and body is the
// message's body. ID does not hash an id that is too long or not UTF-8.
func (m Message) ID(log string, body []byte) string {
	return fmt.Sprintf("%s@%d-%d~%08x", log, m.From, m.To, crc32.ChecksumIEEE(body))
}

// Messages divides the flows of a log into messages. A message ends when the flows of the next
// row do not fit, since a row's flows stay together.
func Messages(result Result) []Message {
	var messages []Message
	current := Message{From: result.From, To: result.From}
	for _, row := range result.Rows {
		if len(current.Flows)+len(row.Flows) > MaxFlows {
			messages = append(messages, current)
			current = Message{From: current.To}
		}
		current.Flows = append(current.Flows, row.Flows...)
		current.To = row.To
	}
	if len(current.Flows) > 0 {
		messages = append(messages, current)
	}
	return messages
}
