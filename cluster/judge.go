package cluster

// Capture is the state of a server's machine right after an entry that asked every server for a
// digest.
type Capture struct {
	Version   uint64 // the machine's active version
	Index     uint64
	Hash      uint64   // running hash of all entries and replies up to Index
	Computing bool     // a digest of the whole state is being computed
	Whole     bool     // Digest is present
	Digest    [20]byte // of the whole state
	Diverged  bool     // its server was found to have diverged and no longer counts
}

// Verdict is the result of comparing one server with the voters.
type Verdict uint8

// The verdicts. All but Inconclusive are final for the index that was compared.
const (
	Inconclusive Verdict = iota // too few have answered
	Agrees                      // a majority of the voters has the same value
	Diverged                    // a majority of the voters has another value
	Split                       // no value can reach a majority any more
)

func (v Verdict) String() string {
	return [...]string{"unknown", "agrees", "differs", "no majority"}[v]
}

// Poll collects the voters' captures of one index.
type Poll struct {
	Voters int       // the number of voters in the configuration
	Votes  []Capture // the captures of the voters that have answered, the judged server's included if it votes
	Whole  bool      // also compare the digests of the whole states
}

// Judge compares a server's capture with the voters' captures. A voter that has not answered may
// hold any value. So may one without a digest, where digests are compared. A server that has
// diverged does not count at all: otherwise a replacement, which takes a voter away for a while,
// could turn a minority that was found wrong into a majority.
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
