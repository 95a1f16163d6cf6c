//go:build !purego

#include "go_asm.h"
#include "textflag.h"

#define BYTES(name, value) \
	DATA name<>+0(SB)/8, $value \
	GLOBL name<>(SB), RODATA|NOPTR, $8

#define TWICE(name, value) \
	DATA name<>+0(SB)/8, $value \
	DATA name<>+8(SB)/8, $value \
	GLOBL name<>(SB), RODATA|NOPTR, $16

BYTES(zeros, 0x3030303030303030)
BYTES(hundreds, 0x0000007f0000007f)
BYTES(tens, 0x000f000f000f000f)
BYTES(colons, 0x0a0a0a0a0a0a0a0a)  // ':' - '0'
BYTES(points, 0x2e2e2e2e2e2e2e2e)
BYTES(lower, 0x2020202020202020)   // turns a letter into lower case
BYTES(letters, 0x6161616161616161) // 'a'
BYTES(fives, 0x0505050505050505)   // 'f' - 'a'
TWICE(places, 0x00010a6400010a64)  // 100, 10, 1
TWICE(ones, 0x0001000100010001)

// A shuffle of the last 16 bytes of a time: its first three decimals in four bytes,
// its last three decimals in four bytes, the fourth byte of each being 0.
DATA decimals<>+0(SB)/8, $0x800f0e0d800c0b0a
DATA decimals<>+8(SB)/8, $0x8080808080808080
GLOBL decimals<>(SB), RODATA|NOPTR, $16

// DIGITS replaces x < 10^8 by its eight decimal digits, one a byte, the first in the
// lowest byte. It overwrites y and z. eightDigits has the same steps in Go: it
// divides by 10^4, then both halves by 100, then all quarters by 10. Each division is
// a multiplication by the reciprocal and a shift.
#define DIGITS(x, y, z) \
	IMUL3Q $0x68db8bad, x, y \ // 2^44 / 10^4
	SHRQ $44, y \
	IMUL3Q $10000, y, z \
	SUBQ z, x \
	SHLQ $32, x \
	ORQ  y, x \
	IMUL3Q $10486, x, y \ // 2^20 / 100
	SHRQ $20, y \
	ANDQ hundreds<>(SB), y \
	IMUL3Q $100, y, z \
	SUBQ z, x \
	SHLQ $16, x \
	ORQ  y, x \
	IMUL3Q $103, x, y \ // 2^10 / 10
	SHRQ $10, y \
	ANDQ tens<>(SB), y \
	LEAQ (y)(y*4), z \
	ADDQ z, z \
	SUBQ z, x \
	SHLQ $8, x \
	ORQ  y, x

// ADDRESSES replaces each byte of x by 0xff if an address may contain it, else by
// 0. An address may contain '0' to ':' (the character after '9'), '.', and 'a' to
// 'f' in both cases. A byte is in a range if its distance d from the low end of the
// range equals min(d, size of the range). ADDRESSES overwrites y and z.
#define ADDRESSES(x, y, z, digit, colon, point, low, letter, five) \
	VPSUBB digit, x, y \
	VPMINUB colon, y, z \
	VPCMPEQB z, y, y \
	VPCMPEQB point, x, z \
	VPOR z, y, y \
	VPOR low, x, x \
	VPSUBB letter, x, x \
	VPMINUB five, x, z \
	VPCMPEQB z, x, x \
	VPOR y, x, x

// VERIFY sets bits in each byte of X7 for which the byte of x is outside of a
// byteRange: it subtracts the low end, then subtracts the size with saturation. It
// leaves the distances from the low end in x, and overwrites y. range is the memory
// operand of the byteRange and starts with +, because the offset of the field low or
// size is put before it.
#define VERIFY(x, y, range) \
	VPSUBB byteRange_low range, x, x \
	VPSUBUSB byteRange_size range, x, y \
	VPOR y, X7, X7

// FIELD puts the offset of the field of column BX into R11, and its length + 1 into
// R12.
#define FIELD \
	MOVL (R8)(BX*4), R11 \
	MOVL 4(R8)(BX*4), R12 \
	SUBL R11, R12

// NEXT goes on to the next segment.
#define NEXT \
	CMPQ SI, CX \
	JNE  segment \
	JMP  done

// func renderAVX2(segments *Segment, n int, starts *uint32, block *byte, values *Value, ranges *byteRanges, out *byte, o int) (passed, end int, ok bool)
//
// The portable form is renderPortable. The routine copies each segment's text and
// then writes the segment's value, both in stores of a fixed size; the next segment
// overwrites the surplus. Fields are copied before they are verified. X7 and R15
// gather the malformed bytes and are tested once, at the end, so that hardly any
// branch depends on a field. The routine stops after the text of a segment whose value
// it leaves to Go: a tie in rounding, a number of more than 16 digits, an RTT that is
// nan, and the like. A counter that is nan makes ok false.
//
//	SI   the next segment                     R8   starts of the fields
//	CX   after the last segment               R9   block
//	DI   where to write next                  R10  values
//	BX   column, then offset of a value       R14  ranges
//	DX   format, then scratch                 AX, R13: scratch
//	R11  offset or address of a field         R12  its length + 1
//	X7   malformed bytes of counters and times
//	R15  malformed bytes of addresses
//	Y10  the character 0, 32 times
TEXT ·renderAVX2(SB), NOSPLIT, $0-81
	MOVQ segments+0(FP), SI
	MOVQ n+8(FP), CX
	IMUL3Q $Segment__size, CX, CX
	ADDQ SI, CX
	MOVQ starts+16(FP), R8
	MOVQ block+24(FP), R9
	MOVQ values+32(FP), R10
	MOVQ ranges+40(FP), R14
	MOVQ out+48(FP), DI
	ADDQ o+56(FP), DI
	XORL R15, R15
	VPXOR X7, X7, X7
	VPBROADCASTQ zeros<>(SB), Y10

segment:
	// Copy the text with all its room. Load the column or value, and the format.
	VMOVDQU Segment_text(SI), Y0
	VMOVDQU Y0, (DI)
	MOVBLZX Segment_len(SI), AX
	ADDQ AX, DI
	MOVWLZX Segment_at(SI), BX
	MOVBLZX Segment_format(SI), DX
	ADDQ $Segment__size, SI
	TESTL DX, DX
	JNZ  other

counter:
	// A counter at R11, its length + 1 in R12.
	FIELD
	// Copy the field, of at most 16 bytes. The byteRange of its length allows numbers
	// without leading zeros.
	CMPL R12, $17
	JHI  stop
	VMOVDQU (R9)(R11*1), X1
	VMOVDQU X1, (DI)
	LEAQ -1(DI)(R12*1), DI
	SHLL $5, R12
	VERIFY(X1, X2, +byteRanges_counters(R14)(R12*1))
	NEXT

other:
	CMPL DX, $const_RTT
	JEQ  rtt
	CMPL DX, $const_Address
	JEQ  address
	CMPL DX, $const_Port
	JEQ  counter
	IMUL3Q $Value__size, BX, BX
	CMPL DX, $const_Text
	JEQ  text

	CMPL DX, $const_Timestamp
	JEQ  timestamp
	CMPL DX, $const_MinMax
	JEQ  minMax
	MOVQ Value_whole(R10)(BX*1), AX

	// A number below 10^8: shift its digits right by the leading zeros. Bit 56 is set
	// before the zeros are counted, so that the last digit stays.
	CMPQ AX, $100000000
	JCC  long
	DIGITS(AX, DX, R11)
	MOVQ AX, DX
	BTSQ $56, DX
	TZCNTQ DX, DX
	ANDQ $-8, DX
	ORQ  zeros<>(SB), AX
	SHRXQ DX, AX, AX
	MOVQ AX, (DI)
	SHRQ $3, DX
	SUBQ DX, DI
	ADDQ $8, DI

tail:
	// Write the text after the digits, up to four bytes.
	MOVL Value_tail(R10)(BX*1), AX
	MOVL AX, (DI)
	MOVL Value_tailLen(R10)(BX*1), AX
	ADDQ AX, DI
	NEXT

long:
	// A number below 10^16: split it by 10^8 into two halves of eight digits. The
	// quotient, in AX, comes from the upper half of a product with the reciprocal; the
	// remainder is in R12.
	MOVQ $10000000000000000, DX
	CMPQ AX, DX
	JCC  stop
	MOVQ AX, R12
	MOVQ $0xabcc77118461cefd, DX // 2^90 / 10^8
	MULQ DX
	MOVQ DX, AX
	SHRQ $26, AX
	IMUL3Q $100000000, AX, DX
	SUBQ DX, R12

	// Write the first half, which is not 0, without leading zeros.
	DIGITS(AX, DX, R11)
	MOVQ AX, DX
	TZCNTQ DX, DX
	ANDQ $-8, DX
	ORQ  zeros<>(SB), AX
	SHRXQ DX, AX, AX
	MOVQ AX, (DI)
	SHRQ $3, DX
	SUBQ DX, DI

	// Write the second half with all its digits.
	DIGITS(R12, DX, R11)
	ORQ  zeros<>(SB), R12
	MOVQ R12, 8(DI)
	ADDQ $16, DI
	JMP  tail

minMax:
	// The value names the column.
	MOVL Value_column(R10)(BX*1), BX
	JMP  counter

rtt:
	// A time at R11, rounded to thousandths. R12-8 digits stand before the point.
	FIELD
	// The form is one to eight digits, a point, six digits. The routine loads the 16
	// bytes that end with the field, so the block must have 8 bytes before the field.
	LEAL -9(R12), AX
	CMPL AX, $8
	JCC  stop
	CMPL R11, $8
	JCS  stop
	ADDQ R9, R11
	VMOVDQU -17(R11)(R12*1), X1
	MOVQ (R11), DX
	MOVQ DX, (DI)
	LEAQ -8(DI)(R12*1), DX
	SHLL $5, AX
	VERIFY(X1, X2, +byteRanges_times(R14)(AX*1))

	// AX: the first three decimals as a number, R11: the last three.
	VPSHUFB decimals<>(SB), X1, X1
	VPMADDUBSW places<>(SB), X1, X1
	VPMADDWD ones<>(SB), X1, X1
	VMOVQ X1, R11
	MOVL R11, AX
	SHRQ $32, R11

	// Round. If R11 < 501 the comparison sets the carry, and SBBL subtracts -1 + 1 = 0;
	// else SBBL subtracts -1 and rounds up.
	CMPL R11, $500
	JEQ  stop // a tie
	CMPL R11, $501
	SBBL $-1, AX
	CMPL AX, $1000
	JCC  stop // a carry, or no digits

	// The point and the decimals without trailing zeros come from the table.
	LEAQ ·fractions(SB), R13
	MOVL (R13)(AX*4), AX
	MOVL AX, R11
	SHLL $8, R11
	ORL  $'.', R11
	MOVL R11, (DX)
	SHRL $24, AX
	LEAQ 1(DX)(AX*1), DI
	NEXT

timestamp:
	// A time at R11, truncated. R12-8 digits stand before the point. If the value has
	// a text, write the text instead.
	CMPQ Value_len(R10)(BX*1), $0
	JNE  text
	MOVL Value_cut(R10)(BX*1), DX
	MOVL Value_column(R10)(BX*1), BX
	FIELD
	LEAL -9(R12), AX
	CMPL AX, $const_maxWhole
	JCC  stop
	SUBL DX, AX
	JCS  stop // at least one digit must be left
	ADDQ R9, R11
	VMOVDQU (R11), X1
	VMOVDQU X1, (DI)
	LEAQ 1(DI)(AX*1), DI

	// Verify the digits before the point, and the point with six digits.
	VMOVDQU -9(R11)(R12*1), X3
	SUBL $7, R12
	SHLL $5, R12
	VERIFY(X1, X2, +byteRanges_counters(R14)(R12*1))
	VERIFY(X3, X2, +byteRanges_micro(R14))
	NEXT

text:
	VMOVDQU Value_text(R10)(BX*1), Y1
	VMOVDQU Value_text+32(R10)(BX*1), X2
	VMOVDQU Y1, (DI)
	VMOVDQU X2, 32(DI)
	ADDQ Value_len(R10)(BX*1), DI
	NEXT

address:
	// An address of R12 bytes at R11: the first 32 bytes in Y1, the rest in X2.
	FIELD
	DECL R12
	LEAL -1(R12), AX
	CMPL AX, $45
	JCC  stop
	VMOVDQU (R9)(R11*1), Y1
	VMOVDQU 32(R9)(R11*1), X2
	VMOVDQU Y1, (DI)
	VMOVDQU X2, 32(DI)
	ADDQ R12, DI

	// Set a bit of R15 for each of the R12 bytes that an address may not contain.
	VPBROADCASTQ colons<>(SB), Y13
	VPBROADCASTQ points<>(SB), Y14
	VPBROADCASTQ lower<>(SB), Y4
	VPBROADCASTQ letters<>(SB), Y5
	VPBROADCASTQ fives<>(SB), Y6
	ADDRESSES(Y1, Y3, Y8, Y10, Y13, Y14, Y4, Y5, Y6)
	ADDRESSES(X2, X3, X8, X10, X13, X14, X4, X5, X6)
	VPMOVMSKB Y1, AX
	VPMOVMSKB X2, DX
	SHLQ $32, DX
	ORQ  AX, DX
	NOTQ DX
	BZHIQ R12, DX, DX
	ORQ  DX, R15
	NEXT

stop:
	// Leave the value of the current segment to Go.
	SUBQ $Segment__size, SI

done:
	// ok: no malformed byte in X7 or R15.
	VPTEST X7, X7
	SETEQ AX
	TESTQ R15, R15
	SETEQ BX
	VZEROUPPER
	ANDL BX, AX
	MOVB AX, ok+80(FP)
	SUBQ out+48(FP), DI
	MOVQ DI, end+72(FP)
	SUBQ segments+0(FP), SI
	MOVQ SI, passed+64(FP)
	RET
