//go:build !kvorum_faults

package cluster

// Planted faults exist only in builds with the tag kvorum_faults (fault_on.go), for the tests that
// prove the checkers.
const (
	faultHastyFounder = false
	faultFoundsAlone  = false
)

func keepClaim(string, told) {}

func keptClaim(string) (t told, kept bool) { return t, false }
