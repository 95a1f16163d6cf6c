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

// From the 16 bytes that end with a time its decimals, of which the first three
// and the last three are to become numbers.
DATA decimals<>+0(SB)/8, $0x800f0e0d800c0b0a
DATA decimals<>+8(SB)/8, $0x8080808080808080
GLOBL decimals<>(SB), RODATA|NOPTR, $16

// DIGITS makes of x < 10^8 its eight decimal digits, one a byte, the first in
// the lowest. It uses y and z. See eightDigits.
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

// ADDRESSES makes the bytes of x those of which an address may consist: digits,
// colons, points, and letters up to f. It uses y and z.
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

// VERIFY gathers in y which bytes of x are outside of a byteRange. It leaves in x
// how far they are from its low end.
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
// Hardly any branch depends on what a field holds. X7 gathers what is wrong with
// counters and times, R15 what is wrong with addresses.
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

	// A number: the digits of what is below 10^8 without the zeros before them.
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
	MOVL Value_tail(R10)(BX*1), AX
	MOVL AX, (DI)
	MOVL Value_tailLen(R10)(BX*1), AX
	ADDQ AX, DI
	NEXT

long:
	// Below 10^16 two halves of eight digits.
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
	DIGITS(AX, DX, R11)
	MOVQ AX, DX
	TZCNTQ DX, DX
	ANDQ $-8, DX
	ORQ  zeros<>(SB), AX
	SHRXQ DX, AX, AX
	MOVQ AX, (DI)
	SHRQ $3, DX
	SUBQ DX, DI
	DIGITS(R12, DX, R11)
	ORQ  zeros<>(SB), R12
	MOVQ R12, 8(DI)
	ADDQ $16, DI
	JMP  tail

minMax:
	MOVQ AX, BX
	JMP  counter

rtt:
	// A time at R11, R12-8 digits and seven bytes long, rounded to thousandths.
	FIELD
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
	VPSHUFB decimals<>(SB), X1, X1
	VPMADDUBSW places<>(SB), X1, X1
	VPMADDWD ones<>(SB), X1, X1
	VMOVQ X1, R11
	MOVL R11, AX
	SHRQ $32, R11
	CMPL R11, $500
	JEQ  stop // a tie
	CMPL R11, $501
	SBBL $-1, AX
	CMPL AX, $1000
	JCC  stop // a carry, or no digits
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
	SUBQ $Segment__size, SI

done:
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
