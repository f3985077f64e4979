//go:build kvorum_faults

package cluster

import "sync"

// The planted faults. Only one test at a time sets them, before it opens services.
var (
	// faultHastyFounder makes a founder ask for promises but begin without them, whether or not the
	// other servers are fresh.
	faultHastyFounder bool
	// faultFoundsAlone lets a server with an empty directory, and a list of only itself, found a
	// cluster.
	faultFoundsAlone bool
)

// claims holds the version answers of servers, each of which then counts for ever, as if it were in
// the log. It is nil while the fault is off.
var claims *sync.Map

// PlantKeptClaims switches on or off the fault that a server's version answer counts for ever.
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

// keptClaim returns a server's kept version answer, if the fault is on and there is one.
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

// PlantHastyFounder switches faultHastyFounder on or off.
func PlantHastyFounder(on bool) { faultHastyFounder = on }

// PlantFoundsAlone switches faultFoundsAlone on or off.
func PlantFoundsAlone(on bool) { faultFoundsAlone = on }
