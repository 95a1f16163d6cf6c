package file

import (
	"errors"
	"fmt"
	"os"

	"tstat-transport/internal/transport"
)

// Check tries whether a transport with these options could write, and leaves nothing behind.
func Check(o Options) []transport.Finding {
	f, err := Open(o)
	if err == nil {
		defer f.folder.Close()
		err = f.tryWriting()
	}
	if err != nil {
		return []transport.Finding{{Err: err}}
	}
	return []transport.Finding{{Text: fmt.Sprintf("file %s: files can be written, synced and renamed", o.Path)}}
}

// tryWriting does to an empty file what is done to an output.
func (f *Transport) tryWriting() error {
	name := fmt.Sprintf(".check-%d%s", os.Getpid(), partialSuffix)
	file, err := f.folder.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return f.explain(err)
	}
	err = errors.Join(file.Sync(), file.Close())
	renamed := name + ".renamed"
	if err == nil {
		if err = f.folder.Rename(name, renamed); err == nil {
			name = renamed
		}
	}
	if err := errors.Join(err, f.folder.Remove(name), f.sync()); err != nil {
		return f.explain(err)
	}
	return nil
}
