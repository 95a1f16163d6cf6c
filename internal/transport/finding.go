package transport

// Finding is one result of checking whether a transport would work.
type Finding struct {
	// Text says what works. It is empty if Err is not nil.
	Text string
	// Note is true if Text names a weakness that does not stop a run.
	Note bool
	// Err names the problem and the remedy. VerdictOf returns its verdict.
	Err error
}
