//go:build !kvorum_faults

package fsm

// A normal build has none of the faults that the simulation plants (fault_on.go): the
// compiler removes every branch that asks for one.

func forgetsSessions() bool { return false }

func ignoresGaps() bool { return false }

func wallClockMS() int64 { return 0 }
