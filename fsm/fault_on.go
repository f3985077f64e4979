//go:build kvorum_faults

package fsm

// Faults are the faults that the simulation plants in every machine of its
// process, to prove that it finds them. They are set before a run and not
// changed during it.
var Faults struct {
	ForgetSessions bool         // a restored machine has no sessions
	IgnoreGaps     bool         // a batch is applied whatever number is missing before it
	WallClockMS    func() int64 // expiry is judged by this clock too, not by the log alone
}

func forgetsSessions() bool { return Faults.ForgetSessions }

func ignoresGaps() bool { return Faults.IgnoreGaps }

func wallClockMS() int64 {
	if Faults.WallClockMS == nil {
		return 0
	}
	return Faults.WallClockMS()
}
