package command

import "math/rand/v2"

// Rand is the seeded randomness of one command: the same seed gives the same
// draws on every node.
type Rand struct{ pcg rand.PCG }

// NewRand seeds it; stream tells apart the commands of one entry.
func NewRand(seed, stream uint64) *Rand {
	r := &Rand{}
	r.pcg.Seed(seed, stream)
	return r
}

// Uint64 draws a number.
func (r *Rand) Uint64() uint64 { return r.pcg.Uint64() }

// Below draws a number below n, which must be above 0.
func (r *Rand) Below(n int) int { return int(rand.New(&r.pcg).Uint64N(uint64(n))) }
