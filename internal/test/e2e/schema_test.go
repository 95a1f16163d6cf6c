package e2e

import (
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/schema"
)

var messageSchema = sync.OnceValues(func() (*schema.Schema, error) { return schema.Load("message.schema.json") })

// validForms holds the forms of all flows so far that fit the schema.
var validForms sync.Map

// wantSchema wants every flow of a message of a log to fit the published schema, and returns
// the message as JSON. Validation takes half a millisecond a flow under the race detector, so
// it is done once for each form.
func wantSchema(t testing.TB, log string, flows []message.Flow) string {
	t.Helper()
	s, err := messageSchema()
	if err != nil {
		t.Fatal(err)
	}
	if len(flows) < 1 || len(flows) > reference.MaxFlows {
		t.Errorf("%s: a message of %d flows", log, len(flows))
	}
	var texts []string
	for _, flow := range flows {
		b, err := json.Marshal(flow)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		texts = append(texts, text)
		f := form(text)
		if _, ok := validForms.Load(f); ok {
			continue
		}
		if err := s.Validate([]byte("[" + text + "]")); err != nil {
			t.Errorf("%s: a flow does not fit docs/message.schema.json: %v\n%s", log, err, text)
			continue
		}
		validForms.Store(f, true)
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// form returns a flow without digits, the letters a to f and colons. What remains shows the keys,
// and whether each value is whole, a fraction, negative, text or null. Flows of the same form
// therefore either all fit the schema or all do not. (The exceptions are an empty address and the
// values that the schema fixes, such as interval and type: some wrong values of them have the same
// form.)
func form(flow string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c == ':' {
			return -1
		}
		return c
	}, flow)
}

func TestForm(t *testing.T) {
	const flow = `{"src_ip":"fd77::1","num_bits":8,"bits_per_second":1.5,"sensor_id":"s"}`
	for edit, same := range map[[2]string]bool{
		{`"fd77::1"`, `"2001:db8::2"`}: true,
		{`:8,`, `:12345,`}:             true,
		{`:1.5,`, `:0.25,`}:            true,
		{`"fd77::1"`, `"host"`}:        false,
		{`:8,`, `:-8,`}:                false,
		{`:8,`, `:8.5,`}:               false,
		{`:8,`, `:"8",`}:               false,
		{`:1.5,`, `:null,`}:            false,
		{`"num_bits":8,`, ``}:          false,
		{`num_bits`, `num_pkts`}:       false,
	} {
		other := strings.Replace(flow, edit[0], edit[1], 1)
		if got := form(other) == form(flow); other == flow || got != same {
			t.Errorf("%s has the same form: %v, want %v", other, got, same)
		}
	}
}
