package workers

import (
	"log/slog"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// Options say what a run sends and how.
type Options struct {
	// Roots are open and locked.
	Roots []*logdir.Root
	// Transport accepts the messages. The caller closes it after Run.
	Transport transport.Transport
	// Mark makes the run write state files. A run without Mark, and a resend, write
	// none.
	Mark bool
	// Resend, if not nil, makes the run send the directories of a span again, each
	// from its start, whatever their state files say. The state files stay as they
	// are.
	Resend *Span
	// Single stops after the first directory of which a message was published. It
	// excludes Resend.
	Single bool
	// Settings are the settings of the flows. Settings.Instance applies to roots
	// that have no instance id of their own.
	Settings message.Settings
	// Threshold is the smallest byte count of a direction that is sent.
	Threshold uint64
	// Workers is the number of goroutines that parse and encode.
	Workers int
	// Directories is the number of directories that may be in work, each with open
	// files. 0, or a number above maxDirectories, means maxDirectories.
	Directories int
	// Publishers is the number of messages that may be unconfirmed.
	Publishers int
	// Untaken is how many of these messages may be waiting until the transport takes
	// them (Message.Taken). 0 is for a transport that does not call Taken.
	Untaken int
	// Compressor compresses the messages; nil leaves them uncompressed.
	Compressor *transport.Compressor
	// Pack is for a transport that knows transport.Packed: uncompressed messages are packed
	// while many bytes are in flight.
	Pack bool
	// Grace is how long messages in flight may take to be confirmed after ctx has
	// ended.
	Grace time.Duration
	// Rejects gets the malformed rows; nil if nobody wants them.
	Rejects Rejects
	// Version is the program's version, as written into state files.
	Version  string
	Log      *slog.Logger
	Counters *report.Counters
}

// Rejects takes malformed rows, for --rejects. Its methods may be called from
// many goroutines at once.
type Rejects interface {
	// Reject takes one row. It must not keep text after it returns.
	Reject(file string, line int64, reason string, text []byte) error
	// Sync returns when the rows of all earlier calls of Reject are on the disk. The
	// run calls Sync before a state file counts those rows as done.
	Sync() error
}

// Outcome says what kept a run from doing everything.
type Outcome struct {
	// IOErrors counts directories and files that could not be read or written.
	IOErrors int
	// Locked counts directories that another run has locked.
	Locked int
	// TransportErr is the transport's error that stopped the run, else nil.
	TransportErr error
	// Interrupted reports that the context ended before the run did.
	Interrupted bool
	// ResumeAt is the time from which a stopped resend must be continued: the directories
	// of the span that Tstat started earlier are finished.
	ResumeAt time.Time
}
