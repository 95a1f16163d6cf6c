// Package fastparse turns bytes of a Tstat log into rows and fields, and fields
// into text. All code that reads or writes numbers of flows is here. The package is
// pure: it starts no goroutine, opens no file, logs nothing and allocates nothing for
// rows as Tstat writes them.
//
// A Layout holds the positions of a log's columns. A Scanner takes a block of
// whole lines, marks every newline and every space in two bitmaps (one word for 64
// bytes of log, with vector instructions if the processor has them), and walks the
// lines. Of most rows it reads only the two byte counts, to compare them with the
// threshold. For the few rows that are sent, Split finds the fields, and a Renderer
// writes fields and computed values between constant texts.
//
// The grammar of a log, as written by Tstat 2.4 to 3.2.1 and by tools that copy logs:
//
//	log    = first *( row / header )
//	first  = token *( " " token ) end       ; the log's first line: it names at least
//	                                        ; the columns that every flow needs
//	token  = [ *BYTE "#" ] [ name ] [ ":" *BYTE ]
//	header = "#" [ bitmask "#" ] column *( " " column ) end
//	column = name ":" number                ; 1, 2, 3, ...
//	row    = field *( " " field ) end
//	end    = [ CR ] LF
//
// A line that starts with # is a header if it repeats the header in force, or if it
// has all columns that every Tstat writes. Any other line that starts with # is
// malformed. Empty lines are ignored. The grammar of the fields that flows use:
//
//	bytes   = 1*DIGIT                     ; below 2^61
//	number  = 1*DIGIT                     ; below 2^64
//	time    = 1*DIGIT [ "." 1*DIGIT ]     ; below 10^15 ms (31,000 years)
//	address = 1*45( HEXDIG / ":" / "." )
//
// A statistic may also be nan, -nan, inf or -inf. Leading zeros are ignored. Offsets are
// offsets in the block, which is shorter than 4 GiB; they are valid until the next Reset.
package fastparse
