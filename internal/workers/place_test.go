package workers

import (
	"reflect"
	"testing"

	"tstat-transport/internal/logdir"
)

// Inside a hole, the place of the log has the holes before and after it, and the rest of the
// hole.
func TestPlaceInHole(t *testing.T) {
	before, after := logdir.Hole{From: 20, To: 50}, logdir.Hole{From: 300, To: 400}
	s := surroundings{
		before: []logdir.Hole{before}, hole: &logdir.Hole{From: 100, To: 200}, after: []logdir.Hole{after},
		earlier: &logdir.LogState{Position: 500, Header: 10},
	}
	for position, holes := range map[int64][]logdir.Hole{
		150: {before, {From: 150, To: 200, Header: 60}, after},
		200: {before, after},
	} {
		if got, want := s.placeAt(position, 60), (place{position: 500, headerLine: 10, holes: holes}); !reflect.DeepEqual(got, want) {
			t.Errorf("at %d: %+v, want %+v", position, got, want)
		}
	}
}

// If a run has confirmed only rows in a hole, the state keeps the log's earlier end.
func TestStateAfterHole(t *testing.T) {
	l := inWork(t).logs[0]
	tail := logdir.Tail{Bytes: 3, Flows: 2}
	l.earlier = logdir.LogState{Position: 7, End: 10, Tail: &tail, Holes: []logdir.Hole{{From: 2, To: 5}}}
	s := l.stateLocked()
	if s.Position != 7 || s.End != 10 || s.Tail == nil || *s.Tail != tail || len(s.Holes) != 0 {
		t.Errorf("%+v, want position 7, end 10, tail %+v and no hole", s, tail)
	}
}
