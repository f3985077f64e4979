package simulation

import "testing"

// A server that led, was cut off and has entries that nobody else has is caught up by
// a snapshot over them, breaks no promise, and is sent it once.
func TestAnInstallOverATailBreaksNoPromise(t *testing.T) {
	var queue []Scenario
	over := Scripted[0].Name
	for i := range *seeds {
		queue = append(queue, Scenario{Seed: *firstSeed + uint64(i), Script: []string{over, over, over}})
	}
	s := simulateAll(t, queue)
	s.wantStruck(t, Scripted)
}
