package cluster

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/member"
)

// list is an operator's list of members, ordered by id.
type list []Listed

// newList checks an operator's list and sorts it by id.
func newList(members []Listed) (list, error) {
	if len(members) == 0 || len(members) > membersMax {
		return nil, fmt.Errorf("it names %d members; 1 to %d are possible", len(members), membersMax)
	}
	l := list(slices.Clone(members))
	slices.SortFunc(l, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
	for i, m := range l {
		if m.ID == "" || strings.ContainsAny(m.ID, "@=, ") {
			return nil, fmt.Errorf("%q is no id: an id is not empty and has no '@', '=', ',' or space", m.ID)
		}
		if _, _, err := net.SplitHostPort(m.PeerAddr); err != nil {
			return nil, fmt.Errorf("%s: the address %q is not of the form host:port", m.ID, m.PeerAddr)
		}
		for _, before := range l[:i] {
			if before.ID == m.ID {
				return nil, fmt.Errorf("it names %s twice", m.ID)
			}
			if before.PeerAddr == m.PeerAddr {
				return nil, fmt.Errorf("%s and %s have the same address %s", before.ID, m.ID, m.PeerAddr)
			}
		}
	}
	return l, nil
}

// String formats the list as an operator writes it: id=address, separated by commas.
func (l list) String() string {
	if len(l) == 0 {
		return "no list"
	}
	parts := make([]string, len(l))
	for i, m := range l {
		parts[i] = m.ID + "=" + m.PeerAddr
	}
	return strings.Join(parts, ",")
}

func (l list) find(id string) (Listed, bool) {
	for _, m := range l {
		if m.ID == id {
			return m, true
		}
	}
	return Listed{}, false
}

// founder returns the id that founds the cluster, which is the lowest, or "" for an empty list.
func (l list) founder() string {
	if len(l) == 0 {
		return ""
	}
	return l[0].ID
}

// fits reports whether a formation has exactly these members.
func (l list) fits(f *member.Formation) bool {
	return slices.Equal(l, listOf(f))
}

// listOf returns the list that a formation was made from.
func listOf(f *member.Formation) list {
	l := make(list, len(f.Servers))
	for i, s := range f.Servers {
		l[i] = Listed{ID: member.ID(s.ID), PeerAddr: s.PeerAddr}
	}
	return l
}

// serverOf returns the server with an id in a formation, or "" if there is none.
func serverOf(f *member.Formation, id string) string {
	for _, s := range f.Servers {
		if member.ID(s.ID) == id {
			return s.ID
		}
	}
	return ""
}

// founderOf returns the server that founds a formation.
func founderOf(f *member.Formation) string {
	if len(f.Servers) == 0 {
		return ""
	}
	return f.Servers[0].ID
}

// addressBook looks servers up in the newest configuration first, then in the list.
type addressBook struct{ *Service }

// Address implements peer.Book.
func (b addressBook) Address(server string) (string, bool) {
	if a := b.attached.Load(); a != nil {
		for _, s := range a.member.Servers() {
			if s.ID == server {
				return s.PeerAddr, true
			}
		}
	}
	m, ok := b.list.find(member.ID(server))
	return m.PeerAddr, ok
}
