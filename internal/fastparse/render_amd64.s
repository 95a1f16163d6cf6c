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
BYTES(lower, 0x2020202020202020)   // makes a letter a small one
BYTES(letters, 0x6161616161616161) // 'a'
BYTES(fives, 0x0505050505050505)   // 'f' - 'a'
TWICE(places, 0x00010a6400010a64)  // 100, 10, 1
TWICE(ones, 0x0001000100010001)

// Shuffles the 16 bytes that end with a time: its first three decimals and its
// last three, each in four bytes with an empty one behind them.
DATA decimals<>+0(SB)/8, $0x800f0e0d800c0b0a
DATA decimals<>+8(SB)/8, $0x8080808080808080
GLOBL decimals<>(SB), RODATA|NOPTR, $16

// DIGITS replaces x < 10^8 by its eight decimal digits, one a byte, the first in
// the lowest. It overwrites y and z. eightDigits does the same in Go: split by
// 10^4, by 100 in both halves, by 10 in all quarters, each division a
// multiplication by the reciprocal and a shift.
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
// 0: '0' to ':' (the character behind '9'), '.', and 'a' to 'f' in both cases. A
// byte is in a range if its distance from the low end is the smaller of itself
// and the range's size. It overwrites y and z.
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

// VERIFY gathers in X7 which bytes of x are outside of a byteRange: what is left
// after subtracting the low end, then the size with saturation. It leaves in x
// the distances from the low end and overwrites y.
#define VERIFY(x, y, range) \
	VPSUBB byteRange_low range, x, x \
	VPSUBUSB byteRange_size range, x, y \
	VPOR y, X7, X7

// FIELD puts the offset of column BX's field into R11, its length and one into R12.
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
// then writes its value, 16 bytes at a time whether or not so many count: the
// next segment overwrites what was too much. Fields are copied before it is
// known that they are well formed; whatever is wrong with them is gathered and
// looked at once, at the end, so that hardly any branch depends on a field. It
// stops behind a text whose value it leaves to Go: a tie of roundings, a number
// of more than 16 digits, nan, and the like.
//
//	SI   the segment behind the one in work   R8   starts of the fields
//	CX   behind the last segment              R9   block
//	DI   where to write next                  R10  values
//	BX   column, then offset of a value       R14  ranges
//	DX   format, then scratch                 AX, R13: scratch
//	R11  offset or address of a field         R12  its length and one
//	X7   bytes of counters and times that are wrong
//	R15  bytes of addresses that are wrong
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
	// The text, all of its room; then the column or value, and the format.
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
	// A counter at R11, its length and one in R12.
	FIELD
	// It is copied as it stands; a length of up to 16 chooses the range of bytes
	// that VERIFY holds it against: digits, the first of several not 0.
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
	MOVQ Value_whole(R10)(BX*1), AX
	CMPL DX, $const_MinMax
	JEQ  minMax

	// A number below 10^8: its digits are shifted right by the leading zeros. Bit
	// 56 is set before they are counted, so that the last digit stays.
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
	// The text behind the digits, up to four bytes.
	MOVL Value_tail(R10)(BX*1), AX
	MOVL AX, (DI)
	MOVL Value_tailLen(R10)(BX*1), AX
	ADDQ AX, DI
	NEXT

long:
	// Below 10^16: two halves of eight digits. The quotient is the upper half of a
	// product with the reciprocal, the remainder goes to R12.
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

	// The first half without leading zeros; it is not 0.
	DIGITS(AX, DX, R11)
	MOVQ AX, DX
	TZCNTQ DX, DX
	ANDQ $-8, DX
	ORQ  zeros<>(SB), AX
	SHRXQ DX, AX, AX
	MOVQ AX, (DI)
	SHRQ $3, DX
	SUBQ DX, DI

	// The second half with all its digits.
	DIGITS(R12, DX, R11)
	ORQ  zeros<>(SB), R12
	MOVQ R12, 8(DI)
	ADDQ $16, DI
	JMP  tail

minMax:
	// The value names the column.
	MOVQ AX, BX
	JMP  counter

rtt:
	// A time at R11, R12-8 digits and seven bytes long, rounded to thousandths.
	FIELD
	// One to eight digits, a point, six digits. Sixteen bytes are read that end
	// with the field, so eight must stand before it in the block.
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

	// Round: the comparison with 501 sets the carry if R11 is below, and then
	// subtracting -1 with borrow adds nothing.
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
	// A time at R11, R12-8 digits and seven bytes long, without its last digits.
	// If the value has a text, the text is written.
	CMPQ Value_len(R10)(BX*1), $0
	JNE  text
	MOVL Value_cut(R10)(BX*1), DX
	MOVQ Value_whole(R10)(BX*1), BX
	FIELD
	LEAL -9(R12), AX
	CMPL AX, $const_maxWhole
	JCC  stop
	SUBL DX, AX
	JCS  stop
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
	// R12 bytes at R11, most of them in Y1, the rest in X2.
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

	// One bit a byte, set where the byte is wrong, of as many as count.
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
	// The value of the segment in work is left to Go.
	SUBQ $Segment__size, SI

done:
	// ok: nothing wrong in X7 nor in R15.
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
