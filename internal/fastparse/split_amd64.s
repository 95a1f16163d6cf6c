//go:build !purego

#include "textflag.h"

// The numbers 0 to 63, one a byte.
DATA offsets<>+0(SB)/8, $0x0706050403020100
DATA offsets<>+8(SB)/8, $0x0f0e0d0c0b0a0908
DATA offsets<>+16(SB)/8, $0x1716151413121110
DATA offsets<>+24(SB)/8, $0x1f1e1d1c1b1a1918
DATA offsets<>+32(SB)/8, $0x2726252423222120
DATA offsets<>+40(SB)/8, $0x2f2e2d2c2b2a2928
DATA offsets<>+48(SB)/8, $0x3736353433323130
DATA offsets<>+56(SB)/8, $0x3f3e3d3c3b3a3938
GLOBL offsets<>(SB), RODATA|NOPTR, $64

// func splitAVX512(space *uint64, start, end, n int, starts *uint32) (found int)
//
// The portable form is splitPortable. The numbers 0 to 63 are the bit positions of a
// word; VPCOMPRESSB keeps the positions of the set bits. The positions are widened to
// 32 bits and added to the word's offset. The routine always writes 32 of them at a
// time, so the elements after the last start are undefined (D. Lemire, "Iterating
// over set bits quickly: SIMD edition", 2018, and its AVX-512 form).
//
//	SI   space               R8   number of the current word
//	DI   the next start      R9   number of the last word
//	DX   the current word    R12  &starts[n+1]
//	CX   n, then the number of bits in DX
//	BX   bit position of the row's end in the last word
//	Z0   0 to 63             Z1   offset of the word, plus 1, 16 times
//	Z2   64, 16 times        Z3   positions of the set bits
TEXT ·splitAVX512(SB), NOSPLIT, $0-48
	MOVQ space+0(FP), SI
	MOVQ start+8(FP), AX
	MOVQ end+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ starts+32(FP), DI

	// The first field starts at the row's start.
	MOVL AX, (DI)
	ADDQ $4, DI
	LEAQ (DI)(CX*4), R12
	MOVQ AX, R8
	SHRQ $6, R8          // the current word
	MOVQ BX, R9
	SHRQ $6, R9          // the last word
	ANDQ $63, BX
	VMOVDQU64 offsets<>(SB), Z0
	MOVQ R8, DX
	SHLQ $6, DX
	INCQ DX
	VPBROADCASTD DX, Z1  // plus 1: a field starts one byte after its space
	MOVL $64, DX
	VPBROADCASTD DX, Z2

	// The first word, without the bits before the row.
	MOVQ (SI)(R8*8), DX
	SHRXQ AX, DX, DX
	SHLXQ AX, DX, DX

word:
	// In the last word, set the bit of the row's end, and clear the bits after it.
	CMPQ R8, R9
	JNE  whole
	BZHIQ BX, DX, DX
	BTSQ BX, DX

whole:
	// Write the positions of the first 32 set bits.
	POPCNTQ DX, CX
	KMOVQ DX, K1
	VPCOMPRESSB.Z Z0, K1, Z3
	VPMOVZXBD X3, Z4
	VPADDD Z1, Z4, Z4
	VMOVDQU32 Z4, (DI)
	VEXTRACTI32X4 $1, Z3, X4
	VPMOVZXBD X4, Z4
	VPADDD Z1, Z4, Z4
	VMOVDQU32 Z4, 64(DI)
	CMPQ CX, $32
	JHI  many

next:
	// CX starts were found in this word. Stop at the row's end or after n starts.
	LEAQ (DI)(CX*4), DI
	CMPQ R8, R9
	JEQ  done
	CMPQ DI, R12
	JCC  done
	INCQ R8
	MOVQ (SI)(R8*8), DX
	VPADDD Z2, Z1, Z1
	JMP  word

many:
	// More than 32 bits are set: write the positions of the others too.
	VEXTRACTI32X4 $2, Z3, X4
	VPMOVZXBD X4, Z4
	VPADDD Z1, Z4, Z4
	VMOVDQU32 Z4, 128(DI)
	VEXTRACTI32X4 $3, Z3, X4
	VPMOVZXBD X4, Z4
	VPADDD Z1, Z4, Z4
	VMOVDQU32 Z4, 192(DI)
	JMP  next

done:
	VZEROUPPER
	SUBQ starts+32(FP), DI
	SHRQ $2, DI
	DECQ DI
	MOVQ DI, found+40(FP)
	RET
