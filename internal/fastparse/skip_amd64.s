//go:build !purego

#include "textflag.h"

DATA digits<>+0(SB)/8, $0x3030303030303030
GLOBL digits<>(SB), RODATA|NOPTR, $8

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
// The bitmap of spaces is read from the byte that holds an offset's bit, and
// shifted: 56 offsets are sure to be there. The n-th bit of a word is found by
// depositing bit n-1 of nothing else into its bits (PDEP). Both ranks are 1 to 63.
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
	// R11: behind space number rank from the row's start, in two words.
	MOVQ R9, AX
	SHRQ $3, AX
	MOVQ R9, CX
	ANDQ $7, CX
	SHRXQ CX, (R8)(AX*1), DX
	SHRXQ CX, 7(R8)(AX*1), R14
	BZHIQ R15, DX, R10
	POPCNTQ R10, R10
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

	// R10: the length of the first count.
	MOVQ R11, AX
	SHRQ $3, AX
	MOVQ R11, CX
	ANDQ $7, CX
	SHRXQ CX, (R8)(AX*1), DX
	SHRXQ CX, 7(R8)(AX*1), R14
	SHRXQ CX, 14(R8)(AX*1), R12
	TZCNTQ DX, R10

	// R12: behind space number rank2 from there, in three words.
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

	// DX: the length of the second count. Only now it is sure that all this
	// lies within the row.
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

	// Both counts as eight digits, behind zeros.
	MOVQ (SI)(R11*1), AX
	MOVQ (SI)(R12*1), CX
	XORQ digits<>(SB), AX
	XORQ digits<>(SB), CX
	SHLQ $3, R10
	NEGQ R10
	SHLXQ R10, AX, AX
	SHLQ $3, DX
	NEGQ DX
	SHLXQ DX, CX, CX
	VMOVQ AX, X0
	VPINSRQ $1, CX, X0, X0
	VPSUBUSB X10, X0, X1
	VPTEST X1, X1
	JNZ  done
	VPMADDUBSW X11, X0, X0
	VPMADDWD X12, X0, X0
	VPACKUSDW X0, X0, X0
	VPMADDWD X13, X0, X0
	VMOVQ X0, AX
	MOVL AX, CX
	SHRQ $32, AX
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
