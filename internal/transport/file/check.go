package file

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tstat-transport/internal/atomicfile"
	"tstat-transport/internal/transport"
)

// Check reports whether a transport with these options could write. It removes the
// file that it writes.
func Check(o Options) []transport.Finding {
	t, err := Open(o)
	if err == nil {
		err = errors.Join(t.tryWriting(), t.Close(context.Background()))
	}
	if err != nil {
		return []transport.Finding{{Err: err}}
	}
	return []transport.Finding{{Text: fmt.Sprintf("file %s: files can be written, synced and renamed", o.Path)}}
}

// tryWriting creates, writes, syncs, renames and removes a file, as for an output.
func (t *Transport) tryWriting() error {
	name := fmt.Sprintf(".check-%d", os.Getpid())
	file, err := atomicfile.Create(t.dir, name+".tmp", 0o640)
	if err != nil {
		return t.wrap(err)
	}
	if _, err = file.WriteString("tstat_send --check\n"); err != nil {
		return t.wrap(errors.Join(err, file.Discard()))
	}
	if err = file.Commit(name); err == nil {
		err = atomicfile.Remove(t.dir, name)
	}
	if err != nil {
		return t.wrap(err)
	}
	return nil
}
