//go:build !purego

#include "textflag.h"

// Constants for turning digits into numbers: the character 0; the largest digit; and
// the weights that join digits to pairs, pairs to groups of four, and two such groups.
DATA zeros<>+0(SB)/8, $0x3030303030303030
GLOBL zeros<>(SB), RODATA|NOPTR, $8

DATA nines<>+0(SB)/8, $0x0909090909090909
DATA nines<>+8(SB)/8, $0x0909090909090909
GLOBL nines<>(SB), RODATA|NOPTR, $16

DATA tens<>+0(SB)/8, $0x010a010a010a010a
DATA tens<>+8(SB)/8, $0x010a010a010a010a
GLOBL tens<>(SB), RODATA|NOPTR, $16

DATA hundreds<>+0(SB)/8, $0x0001006400010064
DATA hundreds<>+8(SB)/8, $0x0001006400010064
GLOBL hundreds<>(SB), RODATA|NOPTR, $16

DATA myriads<>+0(SB)/8, $0x0001271000012710
DATA myriads<>+8(SB)/8, $0x0001271000012710
GLOBL myriads<>(SB), RODATA|NOPTR, $16

// func skipBelowAVX2(block *byte, newline, space *uint64, pos, size, rank, rank2 int, threshold uint64) (next, rows int)
//
// The portable form is skipBelowPortable in skip_test.go. The first byte count of a
// row starts after the rank-th space of the row. The second byte count starts after
// the rank2-th space, counted from the start of the first byte count. Both ranks are
// 1 to 63. The routine skips rows whose two counts are numbers of one to eight digits
// below the threshold, and stops at the first other line. It also stops at such a row if
// the second count is the last field, if the first count is too far from the start of the
// row, or if the second count is too far from the first. It returns the offset of the
// line at which it stops, and the number of skipped rows.
//
// A window is the bitmap of spaces from some offset on. It is loaded as the eight
// bytes that start with the byte of the offset's bit, and shifted right by the lowest
// three bits of the offset. So a window has 57 to 64 bits, followed by zeros. The next window
// starts 56 bits later: it is loaded seven bytes further on, with the same shift.
//
// The n-th set bit of a word is select(w, n) = TZCNT(PDEP(1<<(n-1), w)): PDEP
// deposits the single bit at the n-th set bit of w (Pandey, Bender and Johnson,
// "A Fast x86 Implementation of Select", 2017). If w has fewer bits the result is
// 0 and TZCNT sets the carry. Conditional moves choose the window that holds the
// bit. A branch would depend on the lengths of fields and could not be predicted.
//
//	SI   block      R9   start of the row        R15  56
//	DI   newline    BX   the row's newline       AX, CX, DX, R13, R14: scratch
//	R8   space      R11  start of the first count     R10  its length
//	                R12  start of the second count    DX   its length, at the end
//	X10  nines      X11, X12, X13  weights for pairs, hundreds, myriads
TEXT ·skipBelowAVX2(SB), NOSPLIT, $0-80
	MOVQ block+0(FP), SI
	MOVQ newline+8(FP), DI
	MOVQ space+16(FP), R8
	MOVQ pos+24(FP), R9
	MOVQ $0, rows+72(FP)
	MOVL $56, R15
	VMOVDQU nines<>(SB), X10
	VMOVDQU tens<>(SB), X11
	VMOVDQU hundreds<>(SB), X12
	VMOVDQU myriads<>(SB), X13

row:
	// Stop at the block's end and at what may be a header.
	CMPQ R9, size+32(FP)
	JGE  done
	CMPB (SI)(R9*1), $'#'
	JEQ  done

	// BX: the row's newline.
	MOVQ R9, BX
	SHRQ $6, BX
	MOVQ (DI)(BX*8), AX
	SHRXQ R9, AX, AX
	TESTQ AX, AX
	JNZ  near

far:
	// The rest of the row's first word has no newline: find the next newline.
	INCQ BX
	MOVQ (DI)(BX*8), AX
	TESTQ AX, AX
	JZ   far
	SHLQ $6, BX
	TZCNTQ AX, AX
	ADDQ AX, BX
	JMP  first

near:
	TZCNTQ AX, BX
	ADDQ R9, BX

first:
	// R11: the start of the first count. DX and R14 are the windows at offsets 0
	// and 56 from the row's start. R10 is the number of spaces in the first 56 bytes.
	MOVQ R9, AX
	SHRQ $3, AX
	MOVQ R9, CX
	ANDQ $7, CX
	SHRXQ CX, (R8)(AX*1), DX
	SHRXQ CX, 7(R8)(AX*1), R14
	BZHIQ R15, DX, R10
	POPCNTQ R10, R10

	// If rank is larger than R10, select the (rank-R10)-th space of the second window.
	MOVQ rank+40(FP), CX
	MOVQ CX, R11
	LEAQ 56(R9), R12
	MOVQ R9, AX
	SUBQ R10, R11
	CMOVQGT R14, DX
	CMOVQGT R12, AX
	CMOVQGT R11, CX
	DECQ CX
	XORL R10, R10
	BTSQ CX, R10
	PDEPQ DX, R10, R10
	TZCNTQ R10, R10
	JCS  done
	LEAQ 1(AX)(R10*1), R11

	// R10: the length of the first count. DX, R14 and R12 are the windows at
	// offsets 0, 56 and 112 from its start.
	MOVQ R11, AX
	SHRQ $3, AX
	MOVQ R11, CX
	ANDQ $7, CX
	SHRXQ CX, (R8)(AX*1), DX
	SHRXQ CX, 7(R8)(AX*1), R14
	SHRXQ CX, 14(R8)(AX*1), R12
	TZCNTQ DX, R10

	// AX and R13 are the numbers of spaces in the first 56 bits of the windows DX and
	// R14. The first group of CMOVQ chooses the window DX or R14. The second group
	// replaces the choice by the window R12 if these 112 bits have fewer than rank2
	// spaces. Then DX is the chosen window, R14 its offset, and CX the number of the space
	// in it. At the end, R12 is the start of the second count.
	BZHIQ R15, R14, R13
	POPCNTQ R13, R13
	BZHIQ R15, DX, AX
	POPCNTQ AX, AX
	MOVQ rank2+48(FP), CX
	SUBQ AX, CX
	MOVQ CX, AX
	CMOVQGT R14, DX
	CMOVQLE rank2+48(FP), CX
	LEAQ 56(R11), R14
	CMOVQLE R11, R14
	SUBQ R13, AX
	CMOVQGT R12, DX
	CMOVQGT AX, CX
	LEAQ 112(R11), AX
	CMOVQGT AX, R14
	DECQ CX
	XORL AX, AX
	BTSQ CX, AX
	PDEPQ DX, AX, AX
	TZCNTQ AX, AX
	JCS  done
	LEAQ 1(R14)(AX*1), R12

	// DX: the length of the second count. The comparison with BX makes sure that both
	// counts are in this row and not in the next.
	MOVQ R12, AX
	SHRQ $3, AX
	MOVQ R12, CX
	ANDQ $7, CX
	SHRXQ CX, (R8)(AX*1), DX
	TZCNTQ DX, DX
	LEAQ (R12)(DX*1), AX
	CMPQ AX, BX
	JGE  done
	LEAQ -1(R10), AX
	CMPQ AX, $8
	JCC  done
	LEAQ -1(DX), AX
	CMPQ AX, $8
	JCC  done

	// Turn each count into eight bytes of digit values with zeros before them. A left
	// shift by 64-8*length moves the last digit to the highest byte.
	MOVQ (SI)(R11*1), AX
	MOVQ (SI)(R12*1), CX
	XORQ zeros<>(SB), AX
	XORQ zeros<>(SB), CX
	SHLQ $3, R10
	NEGQ R10
	SHLXQ R10, AX, AX
	SHLQ $3, DX
	NEGQ DX
	SHLXQ DX, CX, CX
	VMOVQ AX, X0
	VPINSRQ $1, CX, X0, X0

	// A byte above 9 is not a digit. Subtracting 9 with saturation turns digits to 0.
	VPSUBUSB X10, X0, X1
	VPTEST X1, X1
	JNZ  done

	// Eight digits to a number in three steps: pairs, groups of four, all (W. Mula,
	// http://0x80.pl/articles/simd-parsing-int-sequences.html).
	VPMADDUBSW X11, X0, X0
	VPMADDWD X12, X0, X0
	VPACKUSDW X0, X0, X0
	VPMADDWD X13, X0, X0
	VMOVQ X0, AX
	MOVL AX, CX
	SHRQ $32, AX

	// Both must be below the threshold.
	CMPQ CX, threshold+56(FP)
	JCC  done
	CMPQ AX, threshold+56(FP)
	JCC  done

	INCQ rows+72(FP)
	LEAQ 1(BX), R9
	JMP  row

done:
	MOVQ R9, next+64(FP)
	RET
