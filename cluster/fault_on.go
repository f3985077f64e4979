//go:build kvorum_faults

package cluster

// faultHastyFounder: a founder asks for promises and begins without them, and
// does not care whether the others are fresh. Only one test at a time sets it,
// before it opens services.
var faultHastyFounder bool

// PlantHastyFounder switches that on or off.
func PlantHastyFounder(on bool) { faultHastyFounder = on }
