//go:build !purego

#include "textflag.h"

// func indexAVX2(block *byte, words int, newline, space *uint64)
TEXT ·indexAVX2(SB), NOSPLIT, $0-32
	MOVQ block+0(FP), SI
	MOVQ words+8(FP), CX
	MOVQ newline+16(FP), DI
	MOVQ space+24(FP), R8
	MOVL $0x0a0a0a0a, AX
	MOVQ AX, X0
	VPBROADCASTD X0, Y0
	MOVL $0x20202020, AX
	MOVQ AX, X1
	VPBROADCASTD X1, Y1
	XORQ R9, R9
	TESTQ CX, CX
	JZ   done

loop:
	VMOVDQU (SI), Y2
	VMOVDQU 32(SI), Y3
	VPCMPEQB Y0, Y2, Y4
	VPCMPEQB Y0, Y3, Y5
	VPCMPEQB Y1, Y2, Y6
	VPCMPEQB Y1, Y3, Y7
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y5, BX
	VPMOVMSKB Y6, DX
	VPMOVMSKB Y7, R10
	SHLQ $32, BX
	SHLQ $32, R10
	ORQ  BX, AX
	ORQ  R10, DX
	MOVQ AX, (DI)(R9*8)
	MOVQ DX, (R8)(R9*8)
	ADDQ $64, SI
	INCQ R9
	CMPQ R9, CX
	JLT  loop

done:
	VZEROUPPER
	RET

// func indexAVX512(block *byte, words int, newline, space *uint64)
TEXT ·indexAVX512(SB), NOSPLIT, $0-32
	MOVQ block+0(FP), SI
	MOVQ words+8(FP), CX
	MOVQ newline+16(FP), DI
	MOVQ space+24(FP), R8
	MOVL $'\n', AX
	VPBROADCASTB AX, Z0
	MOVL $' ', AX
	VPBROADCASTB AX, Z1
	XORL R9, R9
	TESTQ CX, CX
	JZ   none

more:
	VMOVDQU64 (SI), Z2
	VPCMPEQB Z0, Z2, K1
	VPCMPEQB Z1, Z2, K2
	KMOVQ K1, (DI)(R9*8)
	KMOVQ K2, (R8)(R9*8)
	ADDQ $64, SI
	INCQ R9
	CMPQ R9, CX
	JLT  more

none:
	VZEROUPPER
	RET
