package reference

import "tstat-transport/internal/message"

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
