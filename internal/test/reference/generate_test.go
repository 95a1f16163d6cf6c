package reference_test

import (
	"reflect"
	"testing"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
)

// Every outcome occurs among the generated logs. The books of each log balance, and its
// messages hold its flows.
func TestGeneratedLogs(t *testing.T) {
	for _, protocol := range []reference.Protocol{reference.TCP, reference.UDP} {
		var total reference.Books
		noHeader, several := 0, 0
		for _, log := range reference.Corpus(protocol, 400) {
			result, err := reference.Read(log, protocol, reference.Settings{Threshold: "0.125"})
			if err != nil {
				noHeader++
				continue
			}
			b := result.Books
			if b.Rows != b.Below+b.Sent+b.Malformed {
				t.Fatalf("the books do not balance: %+v\n%q", b, log)
			}
			total.Below += b.Below
			total.Sent += b.Sent
			total.Malformed += b.Malformed
			total.Incomplete += b.Incomplete
			total.NotFinite += b.NotFinite
			messages := reference.Messages(result)
			if len(messages) > 1 {
				several++
			}
			checkMessages(t, messages, result)
		}
		t.Logf("%s: %+v, %d without header, %d of several messages", protocol, total, noHeader, several)
		if min(total.Below, total.Sent, total.Malformed, total.Incomplete, total.NotFinite, noHeader, several) == 0 {
			t.Errorf("%s: an outcome never occurs", protocol)
		}
	}
}

func checkMessages(t *testing.T, messages []reference.Message, result reference.Result) {
	t.Helper()
	var flows []message.Flow
	position := result.From
	for i, m := range messages {
		if m.From != position || m.To <= m.From || len(m.Flows) == 0 || len(m.Flows) > reference.MaxFlows {
			t.Errorf("message %d: [%d, %d) with %d flows, after %d", i, m.From, m.To, len(m.Flows), position)
		}
		position = m.To
		flows = append(flows, m.Flows...)
	}
	if !reflect.DeepEqual(flows, result.Flows()) {
		t.Errorf("the messages hold %d flows, want the %d of the log", len(flows), len(result.Flows()))
	}
}
