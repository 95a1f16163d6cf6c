package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// Finding is one thing that was looked at to see whether a transport would
// work.
type Finding struct {
	// Text says what is well. Empty if Err is not nil.
	Text string
	// Err is an *Error whose text says what is not, and the remedy.
	Err error
}

// CheckFile tries whether File could write, and leaves nothing behind.
func CheckFile(o FileOptions) []Finding {
	f, err := OpenFile(o)
	if err == nil {
		defer f.folder.Close()
		err = f.tryWriting()
	}
	if err != nil {
		return []Finding{{Err: err}}
	}
	return []Finding{{Text: fmt.Sprintf("file %s: files can be written, synced and renamed", o.Path)}}
}

// tryWriting does to an empty file what is done to an output.
func (f *File) tryWriting() error {
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

// Check asks the server, with the credentials, what it allows at the URL
// (OPTIONS), once. It sends no message.
func (h *HTTP) Check(ctx context.Context) []Finding {
	bad := func(err *Error) []Finding {
		return []Finding{{Err: &Error{err.Verdict, fmt.Errorf("http %s: %w", h.name, err)}}}
	}
	req, err := h.request(ctx, http.MethodOptions, nil)
	if err != nil {
		return bad(judgeError(err))
	}
	resp, err := h.client.Do(req.Request)
	if err != nil {
		return bad(judgeError(err))
	}
	drain(resp)
	if e := judge(resp, nil); e != nil {
		switch {
		case e.Verdict == Refused, resp.StatusCode == http.StatusNotFound:
			return bad(e)
		case e.Verdict == Retry && resp.StatusCode != http.StatusNotImplemented:
			return bad(e)
		}
	}
	how := "without credentials"
	switch {
	case h.o.Username != "":
		how = fmt.Sprintf("as user %q", h.o.Username)
	case h.o.Token() != "":
		how = "with the token"
	case h.o.TLS != nil && len(h.o.TLS.Certificates) > 0:
		how = "with the client certificate"
	}
	return []Finding{{Text: fmt.Sprintf("http %s: the server answers %s (%d to OPTIONS); whether it takes messages, only a message can tell",
		h.name, how, resp.StatusCode)}}
}
