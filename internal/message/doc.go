// Package message turns rows into JSON. An Encoder writes the flows of a row. Flow
// is the same flow as a typed record, for readers and for the tests of Encoder.
//
// For each layout the Encoder compiles a template: a list of segments, each a
// constant text followed by a value. fastparse renders the segments. Most values
// are fields: they are checked and copied, and round-trip times and timestamps
// are rounded or cut off digit by digit. The Encoder computes only what no field
// holds, before rendering: bits, rates and the duration, rounded as Python's round
// does.
package message
