//go:build kvorum_faults

package cluster

// faultHastyFounder: a founder asks for promises and begins without them, and
// does not care whether the others are fresh. Only one test at a time sets it,
// before it opens services.
var faultHastyFounder bool

// faultRaiseUnasked: the machine's version is raised whatever the other servers
// answer.
var faultRaiseUnasked bool

// PlantRaiseUnasked switches that on or off.
func PlantRaiseUnasked(on bool) { faultRaiseUnasked = on }

// PlantHastyFounder switches that on or off.
func PlantHastyFounder(on bool) { faultHastyFounder = on }
