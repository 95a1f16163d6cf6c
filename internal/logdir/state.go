package logdir

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-json"
)

// State is the content of .processed and .processing.
type State struct {
	Tool    string              `json:"tool"`    // tstat_send; set when written
	Version string              `json:"version"` // the tool's
	Logs    map[string]LogState `json:"logs"`    // by Log.Name
	// Privacy names how addresses were replaced; empty if they were not.
	Privacy string `json:"privacy,omitempty"`
	// Error is why a run left the directory unfinished, at most MaxError bytes. The next
	// run that sends a message of the directory removes it. A run that was stopped records
	// none if its messages were confirmed, and .processed has none.
	Error string `json:"error,omitempty"`
}

// MaxError bounds State.Error, so that a state file stays small.
const MaxError = 500

// LogState says how far a log has been confirmed. Offsets are in bytes of the
// uncompressed log; the counts are of the whole log from its start to End.
type LogState struct {
	Size     int64 `json:"size"`     // of the file (compressed if Gzip) when it was opened to be read
	Position int64 `json:"position"` // the rows before Position are confirmed; reading resumes here
	// End is how far the log was read when the state was written. It is Position, unless
	// an unterminated last line or zero bytes follow Position.
	End    int64 `json:"end"`
	Header int64 `json:"header"` // offset of the header line in force at Position
	Line   int64 `json:"line"`   // number of lines before Position
	// Holes are the ranges before Position that were zero bytes, widened to whole
	// lines: rows may still appear there. In order, without overlap, at most MaxHoles.
	Holes []Hole `json:"holes,omitempty"`
	// ZeroTail reports that a hole reaches from Position to the end of the log, or that the
	// .gz ends with zero bytes. Rows may still appear there.
	ZeroTail bool `json:"zero_tail,omitempty"`
	// Tail is the unterminated last line if it was taken as a row. The counts below
	// include its row and flows, and reading resumes at its start. Nil if there is no such
	// line, or if the line was incomplete.
	Tail        *Tail  `json:"tail,omitempty"`
	Fingerprint string `json:"fingerprint"` // of the log up to End, see Fingerprinter
	Ino         uint64 `json:"inode"`
	Ctime       int64  `json:"ctime"` // nanoseconds since the epoch; 0 if the file was Stat.Fresh
	Gzip        bool   `json:"gzip,omitempty"`
	// Beside is the other of log_x and log_x.gz, if that file existed and held nothing
	// more than the log; else nil.
	Beside *Beside `json:"beside,omitempty"`

	Rows       int64 `json:"rows"`
	Below      int64 `json:"below"` // rows below the threshold
	Malformed  int64 `json:"malformed"`
	Flows      int64 `json:"flows"`
	Incomplete int64 `json:"incomplete"`           // 1 if the last line was incomplete
	NotFinite  int64 `json:"not_finite,omitempty"` // statistics that are nan or inf
}

// Tail is a last line without a newline that was taken as a row.
type Tail struct {
	Bytes     int64 `json:"bytes"`
	Flows     int   `json:"flows"`
	NotFinite int   `json:"not_finite,omitempty"` // statistics that are nan or inf
}

// valid reports whether t can be a row of at most maxBytes, or is the zero Tail.
func (t Tail) valid(maxBytes int64) bool {
	return t == Tail{} || t.Bytes > 0 && t.Bytes <= maxBytes && t.Flows >= 0 && t.Flows <= 2 && t.NotFinite >= 0
}

// Beside records the attributes of the file beside a log, to detect a change.
type Beside struct {
	Size  int64  `json:"size"`
	Ino   uint64 `json:"inode"`
	Ctime int64  `json:"ctime"`
}

// sameFile reports whether st is the Stat of the recorded file. b is nil if no file is
// recorded.
func (b *Beside) sameFile(st Stat) bool {
	return b != nil && !st.Fresh && *b == Beside{st.Size, st.Ino, st.Ctime}
}

// SetFile records the log's file. st is the Stat from when the file was opened.
func (l *LogState) SetFile(log Log, st Stat) {
	l.Size, l.Ino, l.Ctime, l.Gzip = st.Size, st.Ino, st.stateTime(), log.Gzip
	l.Beside = nil
	if other := log.Beside; other != nil {
		l.Beside = &Beside{other.Size, other.Ino, other.stateTime()}
	}
}

// stateTime returns the change time to record in a state. It is 0 for a Fresh file, which
// then equals no Stat, so that the next run reads the file again.
func (s Stat) stateTime() int64 {
	if s.Fresh {
		return 0
	}
	return s.Ctime
}

// sameFile reports whether st is the Stat of the recorded file.
func (l *LogState) sameFile(st Stat, gzip bool) bool {
	return !st.Fresh && l.Size == st.Size && l.Ino == st.Ino && l.Ctime == st.Ctime && l.Gzip == gzip
}

// HasZeros reports whether the log has zero bytes in place of rows that may still appear.
func (l *LogState) HasZeros() bool { return len(l.Holes) > 0 || l.ZeroTail }

// SameProgress reports whether the same rows are confirmed in both states, even if the
// file of the log differs.
func (l *LogState) SameProgress(m LogState) bool {
	sameTail := l.Tail == nil && m.Tail == nil || l.Tail != nil && m.Tail != nil && *l.Tail == *m.Tail
	return l.Position == m.Position && l.End == m.End && sameTail && l.ZeroTail == m.ZeroTail && slices.Equal(l.Holes, m.Holes)
}

// further reports whether l has more rows confirmed than m, which is of the same log.
func (l *LogState) further(m LogState) bool {
	if l.Position != m.Position {
		return l.Position > m.Position
	}
	return holeBytes(l.Holes) < holeBytes(m.Holes)
}

func (l *LogState) valid() bool {
	return (l.Tail == nil || l.Tail.valid(l.End-l.Position)) && validHoles(l.Holes, l.Position) &&
		l.Header >= 0 && l.Header <= l.Position && l.Position <= l.End && l.Size >= 0 && l.Line >= 0
}

const tool = "tstat_send"

var (
	errForeign = errors.New("left by the Python tool or a person")
	errDamaged = errors.New("damaged")
)

// encode returns the state as one line of JSON.
func (s State) encode() ([]byte, error) {
	s.Tool = tool
	if len(s.Error) > MaxError {
		s.Error = strings.ToValidUTF8(s.Error[:MaxError], "")
	}
	b, err := json.Marshal(s)
	return append(b, '\n'), err
}

// foreignWord is the content of a mark of the Python tool or of a person.
const foreignWord = "processed"

// decode is the reverse of encode. Its error is errForeign for the word "processed",
// perhaps with white space around it, and errDamaged for any other content. A power cut
// can leave an empty file, or one full of NUL bytes.
func decode(b []byte) (State, error) {
	if string(bytes.TrimSpace(b)) == foreignWord {
		return State{}, errForeign
	}
	if len(b) == 0 {
		return State{}, fmt.Errorf("%w: it is empty", errDamaged)
	}
	if b[0] != '{' || !bytes.Contains(b, []byte(`"`+tool+`"`)) {
		return State{}, fmt.Errorf("%w: it is neither a state of %s nor the word %q", errDamaged, tool, foreignWord)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if s.Tool != tool {
		return State{}, fmt.Errorf("%w: its tool is not %s", errDamaged, tool)
	}
	for name, l := range s.Logs {
		if !l.valid() {
			return State{}, fmt.Errorf("%w: the offsets of %q contradict each other", errDamaged, name)
		}
	}
	return s, nil
}
