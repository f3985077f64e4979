//go:build !kvorum_faults

package cluster

// Planted faults are compiled away in every build but that of the checkers'
// own test (tag kvorum_faults, fault_on.go).
const (
	faultHastyFounder = false
	faultFoundsAlone  = false
)

func keepClaim(string, told) {}

func keptClaim(string) (t told, kept bool) { return t, false }
