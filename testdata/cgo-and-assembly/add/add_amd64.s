#include "textflag.h"
#include "offsets.h"

TEXT ·Add(SB), NOSPLIT, $0-24
	MOVQ a+0(FP), AX
	ADDQ b+FIRST(FP), AX
	MOVQ AX, ret+16(FP)
	RET
