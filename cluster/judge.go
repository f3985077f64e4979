package cluster

// Capture is what a server's machine was right after an entry that asked every
// server for a digest.
type Capture struct {
	Version   uint64 // the active one of the machine
	Index     uint64
	Hash      uint64   // of all entries and replies up to there
	Computing bool     // a digest of the whole state is on its way
	Whole     bool     // Digest is there
	Digest    [20]byte // of the whole state
	Diverged  bool     // its server has been found to have diverged, and is believed no more
}

// Verdict is what a comparison has found of one server.
type Verdict uint8

// The verdicts. All but the first are final for the index that was compared.
const (
	Inconclusive Verdict = iota // too few have answered
	Agrees                      // a majority of the voters has what it has
	Diverged                    // a majority of the voters has something else
	Split                       // no value can have a majority any more
)

func (v Verdict) String() string {
	return [...]string{"unknown", "agrees", "differs", "no majority"}[v]
}

// Poll is what is known of one index.
type Poll struct {
	Voters int       // in the configuration, all of them
	Votes  []Capture // of the voters that have answered, the judged one's among them if it votes
	Whole  bool      // compare the digests of the whole states too
}

// Judge says what a server's capture is worth beside the voters'. A voter that
// has not answered, or which has no digest
// where digests are compared, may have any value. One that has diverged does
// not count at all: else a replacement, which takes a voter for a while, could
// turn a minority that was found wrong into a majority.
func (p Poll) Judge(own Capture) Verdict {
	type value struct {
		version, hash uint64
		digest        [20]byte
	}
	valueOf := func(c Capture) value {
		if p.Whole {
			return value{c.Version, c.Hash, c.Digest}
		}
		return value{version: c.Version, hash: c.Hash}
	}
	if own.Diverged {
		return Diverged
	}
	counts, voters, known, most := map[value]int{}, p.Voters, 0, 0
	for _, c := range p.Votes {
		if c.Diverged {
			voters--
			continue
		}
		if c.Index != own.Index || p.Whole && !c.Whole {
			continue
		}
		counts[valueOf(c)]++
		most = max(most, counts[valueOf(c)])
		known++
	}
	majority := voters/2 + 1
	switch {
	case voters == 0 || p.Whole && !own.Whole:
		return Inconclusive
	case counts[valueOf(own)] >= majority:
		return Agrees
	case most >= majority:
		return Diverged
	case most+voters-known < majority:
		return Split
	}
	return Inconclusive
}
