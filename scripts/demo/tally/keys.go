package tally

import "sync"

// Keys judges writes of which each counts a key of its own from nothing to one.
type Keys struct {
	mu      sync.Mutex
	acked   map[string]struct{}
	unknown map[string]struct{}
	refused int64
}

// NewKeys judges keys that are not there yet.
func NewKeys() *Keys {
	return &Keys{acked: map[string]struct{}{}, unknown: map[string]struct{}{}}
}

// Acked counts a key whose write was answered with success.
func (k *Keys) Acked(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acked[key] = struct{}{}
}

// Unknown counts a key whose write may have happened or not.
func (k *Keys) Unknown(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unknown[key] = struct{}{}
}

// Refused counts a write that has not happened.
func (k *Keys) Refused() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused++
}

// AckedCount returns the number of writes that were answered with success so far.
func (k *Keys) AckedCount() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.acked))
}

// Sent are the keys that may be there: acknowledged, or of unknown outcome.
func (k *Keys) Sent() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var sent []string
	for key := range k.acked {
		sent = append(sent, key)
	}
	for key := range k.unknown {
		sent = append(sent, key)
	}
	return sent
}

// Verdict judges the numbers that the keys hold in the end; one that is not in found holds none.
func (k *Keys) Verdict(found map[string]int64) Verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := Verdict{Acknowledged: int64(len(k.acked)), Unknown: int64(len(k.unknown)), Refused: k.refused}
	for _, n := range found {
		v.Found += min(n, 1)
		v.Doubled += max(0, n-1)
	}
	for key := range k.acked {
		if found[key] == 0 {
			v.Lost++
		}
	}
	return v
}
