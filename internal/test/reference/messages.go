package reference

import "tstat-transport/internal/message"

// MaxFlows is the number of flows that a message holds at most.
const MaxFlows = 100

// Message is the content of one message.
type Message struct {
	// From and To are the byte range [From, To) in the log: From is the end
	// of the message before, To the end of the last row.
	From, To int64
	// Flows are 1 to MaxFlows.
	Flows []message.Flow
}

// Messages divides the flows of a log. A row's flows stay together: a message
// ends where it is full or the flows of the next row do not fit.
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
