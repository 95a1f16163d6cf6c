//go:build !purego

#include "textflag.h"

// EXPAND replaces the round key in X0 by the next one and stores it; rcon is the
// constant of the round (FIPS 197, section 5.2). VAESKEYGENASSIST makes a temporary word:
// it applies the S-box to the last word, rotates it and XORs it with rcon. Word i of the
// next key is the XOR of the temporary word and words 0 to i of the key. EXPAND
// overwrites X1 and X2.
#define EXPAND(rcon, at) \
	VAESKEYGENASSIST $rcon, X0, X1 \
	VPSHUFD $0xff, X1, X1 \
	VPSLLDQ $4, X0, X2 \
	VPXOR X2, X0, X0 \
	VPSLLDQ $8, X0, X2 \
	VPXOR X2, X0, X0 \
	VPXOR X1, X0, X0 \
	VMOVDQU X0, at(AX)

// func expandAESNI(keys *roundKeys, key *[16]byte)
//
// The portable form is aes.NewCipher.
//
//	AX  the round keys                 BX  the key
//	X0  the last round key             X1, X2  used by EXPAND
TEXT ·expandAESNI(SB), NOSPLIT, $0-16
	MOVQ keys+0(FP), AX
	MOVQ key+8(FP), BX
	// The first round key is the key.
	VMOVDQU (BX), X0
	VMOVDQU X0, (AX)
	// The ten others.
	EXPAND(0x01, 16)
	EXPAND(0x02, 32)
	EXPAND(0x04, 48)
	EXPAND(0x08, 64)
	EXPAND(0x10, 80)
	EXPAND(0x20, 96)
	EXPAND(0x40, 112)
	EXPAND(0x80, 128)
	EXPAND(0x1b, 144)
	EXPAND(0x36, 160)
	RET

// ROUND does one step of the encryption of all blocks, with the round key at the offset.
#define ROUND(step, at) \
	VMOVDQU at(AX), X8 \
	step X8, X0, X0 \
	step X8, X1, X1 \
	step X8, X2, X2 \
	step X8, X3, X3 \
	step X8, X4, X4 \
	step X8, X5, X5 \
	step X8, X6, X6 \
	step X8, X7, X7

// BIT appends the first bit of a block to BX: the highest bit of the lowest byte. It
// overwrites DX.
#define BIT(block) \
	VPMOVMSKB block, DX \
	ANDL $1, DX \
	LEAL (DX)(BX*2), BX

// func firstBitsAESNI(keys *roundKeys, blocks *[16][16]byte) uint32
//
// The portable form is flips. The blocks are encrypted eight at a time, since each
// step of one block must wait for the step before.
//
//	AX  round keys                     CX  halves of the blocks left
//	SI  the next eight blocks          BX  the bits so far
//	X0 to X7  blocks                   X8  round key
//	DX  used by BIT
TEXT ·firstBitsAESNI(SB), NOSPLIT, $0-20
	MOVQ keys+0(FP), AX
	MOVQ blocks+8(FP), SI
	XORL BX, BX
	MOVL $2, CX

eight:
	// Load eight blocks.
	VMOVDQU (SI), X0
	VMOVDQU 16(SI), X1
	VMOVDQU 32(SI), X2
	VMOVDQU 48(SI), X3
	VMOVDQU 64(SI), X4
	VMOVDQU 80(SI), X5
	VMOVDQU 96(SI), X6
	VMOVDQU 112(SI), X7
	// Encrypt them: ten rounds, the last one without MixColumns.
	ROUND(VPXOR, 0)
	ROUND(VAESENC, 16)
	ROUND(VAESENC, 32)
	ROUND(VAESENC, 48)
	ROUND(VAESENC, 64)
	ROUND(VAESENC, 80)
	ROUND(VAESENC, 96)
	ROUND(VAESENC, 112)
	ROUND(VAESENC, 128)
	ROUND(VAESENC, 144)
	ROUND(VAESENCLAST, 160)
	// Append the first bits of the results.
	BIT(X0)
	BIT(X1)
	BIT(X2)
	BIT(X3)
	BIT(X4)
	BIT(X5)
	BIT(X6)
	BIT(X7)
	// The other eight.
	ADDQ $128, SI
	DECL CX
	JNZ  eight
	MOVL BX, ret+16(FP)
	RET
