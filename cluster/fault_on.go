//go:build kvorum_faults

package cluster

import "sync"

// Only one test at a time sets these, before it opens services.
var (
	// faultHastyFounder: a founder asks for promises and begins without them, and
	// does not care whether the others are fresh.
	faultHastyFounder bool
	// faultFoundsAlone: a server with an empty directory and a list of itself alone
	// founds a cluster.
	faultFoundsAlone bool
)

// claims are the answers of servers that knew a later version, nil without the
// fault: what a server has said once counts for ever, as if it were in the log.
var claims *sync.Map

// PlantKeptClaims switches that on or off.
func PlantKeptClaims(on bool) {
	claims = nil
	if on {
		claims = new(sync.Map)
	}
}

func keepClaim(server string, t told) {
	if claims != nil {
		claims.Store(server, t)
	}
}

func keptClaim(server string) (t told, kept bool) {
	if claims == nil {
		return t, false
	}
	claim, kept := claims.Load(server)
	if kept {
		t = claim.(told)
	}
	return t, kept
}

// PlantHastyFounder switches that on or off.
func PlantHastyFounder(on bool) { faultHastyFounder = on }

// PlantFoundsAlone switches that on or off.
func PlantFoundsAlone(on bool) { faultFoundsAlone = on }
