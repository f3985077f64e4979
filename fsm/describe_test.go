package fsm_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/rdb"
)

func placed(t *testing.T, m *fsm.Machine, place fsm.Place) []byte {
	t.Helper()
	var file bytes.Buffer
	if _, err := m.Capture().At(place).WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestASnapshotSaysWhereInTheLogItStands(t *testing.T) {
	m := sample(t)
	place := fsm.Place{Index: m.Index(), Term: 7, ConfigurationIndex: 1}
	data := placed(t, m, place)
	whole, err := fsm.Verify(bytes.NewReader(data))
	must(t, err)
	got, err := fsm.Describe(bytes.NewReader(data))
	must(t, err)
	if whole != m.Index() || got.Index != m.Index() || got.Place == nil || *got.Place != place || fmt.Sprint(got.Servers) != fmt.Sprint(m.Servers()) {
		t.Errorf("it is verified as of %d and describes itself as %+v", whole, got)
	}
	restored, err := fsm.Restore(bytes.NewReader(data))
	must(t, err)
	if restored.Digest() != m.Digest() || restored.Hash() != m.Hash() || m.Capture().At(place).Digest() != m.Digest() {
		t.Error("the state's digest depends on the snapshot's place")
	}
	// The first release passes over fields whose names do not begin as its own.
	without := edit(t, data, func(e rdb.Event) []rdb.Event {
		if e.Kind == rdb.Aux && strings.HasPrefix(e.Key, "raft-") && !strings.HasPrefix(e.Key, "kvorum") {
			return nil
		}
		return []rdb.Event{e}
	})
	if !bytes.Equal(without, snapshotOf(t, m)) {
		t.Error("without its place it is not the first release's snapshot")
	}
}

func TestASnapshotWithoutAPlaceIsDescribedByTheRest(t *testing.T) {
	m := sample(t)
	got, err := fsm.Describe(bytes.NewReader(snapshotOf(t, m)))
	if err != nil || got.Place != nil || got.Index != m.Index() || fmt.Sprint(got.Servers) != fmt.Sprint(m.Servers()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAPlaceThatDoesNotFitIsRefused(t *testing.T) {
	m := sample(t)
	other := fsm.Place{Index: m.Index() + 4000, Term: 7, ConfigurationIndex: 1}
	late := fsm.Place{Index: m.Index(), Term: 7, ConfigurationIndex: m.Index() + 1}
	for what, data := range map[string][]byte{
		"another index":                    placed(t, m, other),
		"a configuration of a later entry": placed(t, m, late),
		"twice": edit(t, placed(t, m, fsm.Place{Index: m.Index(), Term: 7}), func(e rdb.Event) []rdb.Event {
			if e.Kind == rdb.Aux && e.Key == "raft-place" {
				return []rdb.Event{e, e}
			}
			return []rdb.Event{e}
		}),
	} {
		if _, err := fsm.Verify(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: it was verified", what)
		}
		if _, err := fsm.Describe(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: it was described", what)
		}
		if _, err := fsm.Restore(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: it was restored", what)
		}
	}
}
