package workers

import "bytes"

// A file has zero bytes where its data has not arrived yet: rsync --preallocate,
// NFS, SMB and a crash leave them. Such bytes come in runs. A single zero byte is
// taken as part of a field.

// zeroRun returns where a run of zero bytes begins in b, -1 if there is none.
func zeroRun(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], 0)
		if i < 0 || from+i+1 == len(b) {
			return -1
		}
		if b[from+i+1] == 0 {
			return from + i
		}
		from += i + 1
	}
}

// onlyZeros reports whether every byte of b is zero.
func onlyZeros(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// mayBeginLog reports whether text can be the start of a log that is followed by a run of
// zero bytes: text is empty, has a whole first line, or looks like a part of a header
// line.
func mayBeginLog(text []byte) bool {
	return len(text) == 0 || bytes.IndexByte(text, '#') >= 0 || bytes.IndexByte(text, '\n') >= 0 || bytes.Contains(text, []byte("c_ip"))
}
