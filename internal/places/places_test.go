package places

import (
	"slices"
	"testing"
)

// hall gives places to holders by name and notes who was ended.
type hall struct {
	room  *Room
	ended []string
}

func (h *hall) take(name, holder string) *Place {
	return h.room.Take(holder, func() { h.ended = append(h.ended, name) })
}

func (h *hall) expect(t *testing.T, ended ...string) {
	t.Helper()
	if !slices.Equal(h.ended, ended) {
		t.Errorf("ended: %v, not %v", h.ended, ended)
	}
}

func TestWhoHasBeenSilentForLongestMakesRoom(t *testing.T) {
	h := &hall{room: New(Limits{All: 3})}
	a := h.take("a", "")
	h.take("b", "")
	c := h.take("c", "")
	h.expect(t)
	a.Heard()
	h.take("d", "")
	h.expect(t, "b")
	c.Leave()
	c.Leave()
	h.take("e", "")
	h.expect(t, "b")
	h.take("f", "")
	h.expect(t, "b", "a")
	if got := h.room.Ended(); got != 2 {
		t.Errorf("%d were ended", got)
	}
}

func TestWhoeverWaitsForUsGoesLast(t *testing.T) {
	h := &hall{room: New(Limits{All: 2})}
	a := h.take("a", "")
	a.Busy(true)
	h.take("b", "")
	h.take("c", "")
	h.expect(t, "b")
	a.Busy(false)
	h.take("d", "")
	h.expect(t, "b", "a")
}

func TestAHolderWithManyTakesNoPlaceFromOthers(t *testing.T) {
	h := &hall{room: New(Limits{All: 10, PerHolder: 2})}
	h.take("other", "n2")
	for _, name := range []string{"a", "b", "c", "d"} {
		h.take(name, "n1")
	}
	h.expect(t, "a", "b")
}
