package simulation

import "testing"

// A leader that falls silent, or whose disk stalls, is replaced in time; one that a
// majority hears is not. No promise is broken.
func TestASilenceBreaksNoPromise(t *testing.T) {
	var script []string
	for _, kind := range Silences {
		script = append(script, kind.Name)
	}
	var queue []Scenario
	for i := range *seeds {
		queue = append(queue, Scenario{Seed: *firstSeed + uint64(i), Script: script})
	}
	simulateAll(t, queue).wantStruck(t, Silences)
}
