//go:build kvorum_faults

package fsm

// Faults are bugs that the simulation plants in every machine of its process, to prove
// that it finds them. They are set before a run and stay the same during it.
var Faults struct {
	ForgetSessions bool         // a restored machine has no sessions
	IgnoreGaps     bool         // a batch is applied even if numbers before it are missing
	WallClockMS    func() int64 // keys also expire by this clock, not by the log alone
}

func forgetsSessions() bool { return Faults.ForgetSessions }

func ignoresGaps() bool { return Faults.IgnoreGaps }

func wallClockMS() int64 {
	if Faults.WallClockMS == nil {
		return 0
	}
	return Faults.WallClockMS()
}
