package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tstat-transport/internal/atomicfile"
	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/transport"
)

// output writes the partial file and the finished file of a directory. Concurrent Sends
// share one write and one sync.
type output struct {
	t         *Transport
	directory string // absolute
	base      string // the finished file's name starts with it
	partial   string // the partial file's name

	groupMu sync.Mutex
	next    *group // the group that Sends join until its write begins; nil if there is none

	fileMu   sync.Mutex // held while the partial file is used; guards the fields below
	begun    bool       // this run has written to the partial file, and synced its name
	start    int64      // size of the partial file when this run began to write
	accepted int64      // bytes of records that this run has synced
}

// group holds the records of concurrent Sends.
type group struct {
	records []byte
	done    chan struct{} // closed once err is set
	err     error
}

func newOutput(t *Transport, directory string) *output {
	const maxBase = 200 // a file name may have 255 bytes
	base := filepath.Base(directory)
	base = strings.ToValidUTF8(base[:min(len(base), maxBase)], "_")
	sum := sha256.Sum256([]byte(directory))
	return &output{
		t: t, directory: directory, base: base,
		partial: "." + base + "." + hex.EncodeToString(sum[:8]) + partialSuffix,
	}
}

// add returns nil when m is on the disk. The first Send of a group commits the
// group.
func (o *output) add(ctx context.Context, m *transport.Message) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.groupMu.Lock()
	g := o.next
	first := g == nil
	if first {
		// The newline ends an incomplete record that a crash or a failed write may
		// have left.
		g = &group{records: []byte("\n"), done: make(chan struct{})}
		o.next = g
	}
	g.records = appendRecord(g.records, m)
	o.groupMu.Unlock()
	if first {
		o.commit(g)
		return g.err
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// commit writes g. It waits for the commit before it, and meanwhile more Sends join g.
func (o *output) commit(g *group) {
	o.fileMu.Lock()
	defer o.fileMu.Unlock()
	o.groupMu.Lock()
	o.next = nil
	o.groupMu.Unlock()
	g.err = o.write(g.records)
	close(g.done)
}

// write appends records to the partial file and syncs it. An incomplete record that an
// error leaves does no harm: its checksum is wrong.
func (o *output) write(records []byte) error {
	flag := os.O_WRONLY | os.O_APPEND
	if !o.begun { // later, a missing file is an error: accepted records are gone
		flag |= os.O_CREATE
	}
	f, err := o.t.folder.OpenFile(o.partial, flag, 0o640)
	if o.begun && errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return err
	}
	if !o.begun {
		o.start, err = f.Seek(0, io.SeekEnd)
	}
	if err == nil {
		_, err = f.Write(records)
	}
	failpoint.Hit("appended")
	if err == nil {
		err = f.Sync()
	}
	if err == nil && !o.begun {
		err = atomicfile.SyncDir(o.t.dir)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	o.begun = true
	o.accepted += int64(len(records) - len("\n"))
	return nil
}
