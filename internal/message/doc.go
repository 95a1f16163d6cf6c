// Package message turns rows into JSON. An Encoder writes the flows of a row. Flow
// is a flow as a typed record, for documentation and for the tests of Encoder.
//
// For each direction of a layout's rows the Encoder compiles a template: a list of
// segments, each a constant text followed by a value. fastparse renders the segments.
// Most values are fields: they are checked and copied, and round-trip times and timestamps
// are rounded or truncated digit by digit. Before rendering, the Encoder computes
// the values that no field holds, such as bits, rates and the duration. Values are rounded
// as Python's round does.
package message
