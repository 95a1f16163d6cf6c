package transport

// Finding is one thing that was looked at to see whether a transport would
// work.
type Finding struct {
	// Text says what is well. Empty if Err is not nil.
	Text string
	// Note is true if Text says what a run can bear but somebody should know.
	Note bool
	// Err is an *Error whose text says what is not, and the remedy.
	Err error
}
