//go:build arm64

TEXT ·unused(SB), $0
	RET
