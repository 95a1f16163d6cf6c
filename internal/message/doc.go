// Package message makes JSON of flows: an Encoder writes those of a row, as
// fast as it can, and Flow is the same as a typed record, to read them and to
// test the Encoder against.
//
// What a flow says of a row is compiled once per layout into a program of
// pieces: each a constant text and then a value, of a kind. Most values are
// fields, copied as they stand once they are seen to be what they should be.
// Round-trip times are rounded and start and end cut off on their text. Only
// what no field holds is computed, for each flow before it is written: bits,
// rates, and the duration, which are rounded as Python's round does.
//
// The pieces are joined in plain Go, or on amd64 in assembly that takes 16
// bytes at a time. It leaves to Go what is rare: a tie of roundings, a number of
// more than 16 digits, and everything that is malformed.
package message
