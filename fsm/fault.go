//go:build !kvorum_faults

package fsm

// The planted faults of the simulation (fault_on.go) do not exist in a normal
// build: the compiler removes every branch that asks for one.

func forgetsSessions() bool { return false }

func ignoresGaps() bool { return false }

func wallClockMS() int64 { return 0 }
