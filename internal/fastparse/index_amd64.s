//go:build !purego

#include "textflag.h"

// func indexAVX2(block *byte, words int, newline, space *uint64)
//
// The portable form is indexPortable. The method is that of simdjson's first
// stage: compare 32 bytes with a character, gather the highest bits of the
// result (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019).
//
//	SI  the next 64 bytes       R9  number of the word
//	DI  newline                 CX  words
//	R8  space                   Y0  32 newlines    Y1  32 spaces
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
	// 64 bytes, compared with both characters: 0xff where they are equal.
	VMOVDQU (SI), Y2
	VMOVDQU 32(SI), Y3
	VPCMPEQB Y0, Y2, Y4
	VPCMPEQB Y0, Y3, Y5
	VPCMPEQB Y1, Y2, Y6
	VPCMPEQB Y1, Y3, Y7

	// One bit a byte, 32 bits a register.
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y5, BX
	VPMOVMSKB Y6, DX
	VPMOVMSKB Y7, R10

	// Two halves make a word; the lower half was zero-extended.
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
//
// As indexAVX2, but a comparison of 64 bytes gives the 64 bits at once.
//
//	SI  the next 64 bytes       R9  number of the word
//	DI  newline                 CX  words
//	R8  space                   Z0  64 newlines    Z1  64 spaces
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
