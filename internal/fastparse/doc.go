// Package fastparse turns bytes of a Tstat log into rows and fields, and fields
// into text. It reads and writes all digits. It is pure: no goroutine, no path,
// no log, and no allocation per row.
//
// A Layout holds the positions of a log's columns. A Scanner takes a block of
// whole lines, marks every newline and every space in two bitmaps (64 bytes of
// log a word, with vector instructions if the processor has them), and walks the
// lines. It examines a row only as far as the decision needs: two byte counts.
// For the few rows that are sent, Split finds the fields, and a Renderer writes
// them, and values computed from them, between constant texts.
//
// The grammar, as Tstat 2.4 to 3.2.1 and the tools behind it write it:
//
//	log    = first *( row | header )
//	first  = token *( " " token ) end       ; the log's first line: it names the
//	                                        ; columns that every row must have
//	token  = [ *BYTE "#" ] [ name ] [ ":" *BYTE ]
//	header = "#" [ bitmask "#" ] column *( " " column ) end
//	column = name ":" number                ; 1, 2, 3, ...
//	row    = field *( " " field ) end
//	end    = [ CR ] LF
//
// A line that starts with # and is neither a repetition of the header in force
// nor a header with all columns that every Tstat writes is malformed; an empty
// line is nothing. Fields that are used are:
//
//	bytes   = 1*DIGIT                     ; below 2^61
//	number  = 1*DIGIT                     ; below 2^64
//	time    = 1*DIGIT [ "." 1*DIGIT ]     ; below 10^15 ms (31,000 years)
//	address = 1*45( HEXDIG / ":" / "." )
//
// Leading zeros do not matter. Offsets are into the block, which is shorter
// than 4 GiB; they are valid until the next Reset.
package fastparse
