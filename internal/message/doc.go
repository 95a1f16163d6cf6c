// Package message makes JSON of rows. An Encoder writes the flows of a row as
// fast as it can; Flow is the same flow as a typed record, for readers and for
// the tests of the Encoder.
//
// A flow's form is compiled once per layout into a template: segments of a
// constant text and a value behind it, which fastparse renders. Most values are
// fields, copied once they are known to be well formed; round-trip times are
// rounded and timestamps cut off on their text. Only what no field holds is
// computed before: bits, rates and the duration, rounded as Python's round does.
package message
