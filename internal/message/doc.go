// Package message makes JSON of flows: an Encoder writes those of a row, as
// fast as it can, and Flow is the same as a typed record, to read them and to
// test the Encoder against.
//
// What a flow says of a row is compiled once per layout into a program: steps
// that each write a constant text and then a value, mostly by copying digits.
// Numbers are computed only where the text does not hold them: bits, rates, and
// times, which are rounded as Python's round does.
package message
