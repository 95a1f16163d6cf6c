//go:build !purego

#include "go_asm.h"
#include "textflag.h"

#define BYTES(name, value) \
	DATA name<>+0(SB)/8, $value \
	GLOBL name<>(SB), RODATA|NOPTR, $8

BYTES(zeros, 0x3030303030303030)
BYTES(nines, 0x0909090909090909)
BYTES(colons, 0x0a0a0a0a0a0a0a0a)  // ':' - '0'
BYTES(points, 0x2e2e2e2e2e2e2e2e)
BYTES(lower, 0x2020202020202020)   // makes a letter a small one
BYTES(letters, 0x6161616161616161) // 'a'
BYTES(fives, 0x0505050505050505)   // 'f' - 'a'

// func joinAVX2(pieces *piece, n, i int, starts *uint32, block *byte, values *value, out *byte, o int) (next, end int)
TEXT ·joinAVX2(SB), NOSPLIT, $0-80
	MOVQ pieces+0(FP), SI
	MOVQ n+8(FP), CX
	IMUL3Q $piece__size, CX, CX
	ADDQ SI, CX
	MOVQ i+16(FP), AX
	IMUL3Q $piece__size, AX, AX
	ADDQ AX, SI
	MOVQ starts+24(FP), R8
	MOVQ block+32(FP), R9
	MOVQ values+40(FP), R10
	MOVQ out+48(FP), DI
	ADDQ o+56(FP), DI
	VPBROADCASTQ zeros<>(SB), Y10
	VPBROADCASTQ nines<>(SB), Y11
	VPBROADCASTQ colons<>(SB), Y13
	VPBROADCASTQ points<>(SB), Y14
	VPBROADCASTQ lower<>(SB), Y4
	VPBROADCASTQ letters<>(SB), Y5
	VPBROADCASTQ fives<>(SB), Y6
	VPXOR X12, X12, X12
	CMPQ SI, CX
	JEQ  done

next:
	VMOVDQU piece_text(SI), Y0
	VMOVDQU Y0, (DI)
	MOVBLZX piece_len(SI), AX
	ADDQ AX, DI
	MOVWLZX piece_at(SI), BX
	MOVBLZX piece_kind(SI), DX
	TESTL DX, DX
	JNZ  other

	// A number: R12 digits from R11 on.
	MOVL (R8)(BX*4), R11
	MOVL 4(R8)(BX*4), R12
	SUBL R11, R12
	DECL R12
	VMOVDQU (R9)(R11*1), X1
	VMOVDQU X1, (DI)
	VPXOR X10, X1, X1
	VPSUBUSB X11, X1, X2
	VPCMPEQB X12, X2, X2
	VPMOVMSKB X2, R13 // which bytes are digits
	VPCMPEQB X12, X1, X1
	VPMOVMSKB X1, R14 // which are zeros
	LEAL -1(R12), AX
	CMPL AX, $16
	JCC  done
	MOVL R13, AX
	NOTL AX
	BZHIL R12, AX, AX
	TESTL AX, AX
	JNZ  done
	SHRL $1, R13
	ANDL R14, R13
	TESTL $1, R13 // a zero before another digit
	JNZ  done
	ADDQ R12, DI
	ADDQ $piece__size, SI
	CMPQ SI, CX
	JNE  next
	JMP  done

other:
	CMPL DX, $const_computed
	JEQ  value

	// An address: R12 bytes from R11 on, each a digit or a colon, a point, or
	// a letter up to f.
	MOVL (R8)(BX*4), R11
	MOVL 4(R8)(BX*4), R12
	SUBL R11, R12
	DECL R12
	VMOVDQU (R9)(R11*1), Y1
	VMOVDQU Y1, (DI)
	VPSUBB Y10, Y1, Y2
	VPMINUB Y13, Y2, Y3
	VPCMPEQB Y3, Y2, Y2
	VPCMPEQB Y14, Y1, Y3
	VPOR Y3, Y2, Y2
	VPOR Y4, Y1, Y1
	VPSUBB Y5, Y1, Y1
	VPMINUB Y6, Y1, Y3
	VPCMPEQB Y3, Y1, Y1
	VPOR Y2, Y1, Y1
	VPMOVMSKB Y1, R13
	LEAL -1(R12), AX
	CMPL AX, $31
	JCC  done
	NOTL R13
	BZHIL R12, R13, R13
	TESTL R13, R13
	JNZ  done
	ADDQ R12, DI
	ADDQ $piece__size, SI
	CMPQ SI, CX
	JNE  next
	JMP  done

value:
	IMUL3Q $value__size, BX, BX
	VMOVDQU value_text(R10)(BX*1), Y1
	VMOVDQU value_text+32(R10)(BX*1), X2
	VMOVDQU Y1, (DI)
	VMOVDQU X2, 32(DI)
	ADDQ value_len(R10)(BX*1), DI
	ADDQ $piece__size, SI
	CMPQ SI, CX
	JNE  next

done:
	VZEROUPPER
	SUBQ out+48(FP), DI
	MOVQ DI, end+72(FP)
	SUBQ pieces+0(FP), SI
	MOVQ SI, AX
	XORL DX, DX
	MOVQ $piece__size, BX
	DIVQ BX
	MOVQ AX, next+64(FP)
	RET
