package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/member"
)

// nodeStatus is a node's reply to RAFT STATUS: its own figures, and what it knows of
// the other nodes.
type nodeStatus struct {
	ID             string         `json:"id"` // id@incarnation
	Cluster        string         `json:"cluster"`
	State          string         `json:"state"`
	Ready          truth          `json:"ready"`
	Unready        *string        `json:"not-ready-reason"`
	Term           uint64         `json:"term"`
	Leader         *string        `json:"leader"`
	LastContactMS  *int64         `json:"last-contact-ms"`
	LastIndex      uint64         `json:"last-log-index"`
	LastTerm       uint64         `json:"last-log-term"`
	CommitIndex    uint64         `json:"commit-index"`
	AppliedIndex   uint64         `json:"applied-index"`
	SnapshotIndex  uint64         `json:"snapshot-index"`
	SnapshotsTaken uint64         `json:"snapshots-taken"`
	Installed      uint64         `json:"snapshots-installed"`
	InstalledAgain uint64         `json:"snapshots-installed-again"`
	Version        uint64         `json:"machine-version"`        // 0: the node runs the first release
	Newest         uint64         `json:"machine-version-newest"` // the newest that its program knows; 0: the same
	UpgradeWaits   *string        `json:"upgrade-waits"`
	Servers        []memberStatus `json:"servers"`
}

// memberStatus describes one server as another one knows it.
type memberStatus struct {
	ID          string   `json:"id"`
	NodeID      string   `json:"node-id"`
	Suffrage    string   `json:"suffrage"`
	NeverLeads  truth    `json:"never-leads"`
	ClientAddr  *string  `json:"client-address"`
	PeerAddr    string   `json:"peer-address"`
	Reachable   truth    `json:"reachable"`
	StoredIndex *uint64  `json:"stored-index"`
	RoundTripMS *decimal `json:"round-trip-ms"`
	ClockSkewMS *decimal `json:"clock-skew-ms"`
}

// status asks a node for its status. raw also holds the fields that this program does
// not know.
func (a *asked) status(ctx context.Context) (s nodeStatus, raw any, err error) {
	value, err := a.do(ctx, "raft", "status")
	if err != nil {
		return s, nil, err
	}
	value = asMaps(plain(value))
	return s, value, decodeReply(value, &s)
}

// truth is a boolean, which RESP carries as 0 or 1.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(text []byte) error {
	*t = string(text) == "1" || string(text) == "true"
	return nil
}

// decimal is a number that RESP carries as text.
type decimal float64

// UnmarshalJSON implements json.Unmarshaler.
func (d *decimal) UnmarshalJSON(text []byte) error {
	number, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*d = decimal(number)
	return err
}

// asMaps converts a reply to RAFT STATUS from RESP2's flat lists to maps. A node that
// cannot number its connections yet refuses HELLO, and with it RESP3.
func asMaps(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	status := make(map[string]any, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		status[fmt.Sprint(list[i])] = list[i+1]
	}
	if servers, ok := status["servers"].([]any); ok {
		for i := range servers {
			servers[i] = asMaps(servers[i])
		}
	}
	return status
}

func (s *nodeStatus) leader() string {
	if s.Leader == nil {
		return ""
	}
	return *s.Leader
}

// behind returns how many of the entries that the asked node knows to be committed are
// missing on a server that has stored the given index; "?" if that is unknown.
func (s *nodeStatus) behind(stored *uint64) string {
	if stored == nil {
		return "?"
	}
	return fmt.Sprint(s.CommitIndex - min(s.CommitIndex, *stored))
}

// role returns a server's role in the cluster.
func (s *nodeStatus) role(m *memberStatus) string {
	if m.ID == s.leader() {
		return "leader"
	}
	if m.Suffrage == "voter" && bool(m.NeverLeads) {
		return "voter, never leads"
	}
	return m.Suffrage
}

// name returns the operator's id of a server, or its full id if two members share the short one.
func (s *nodeStatus) name(server string) string {
	for _, m := range s.Servers {
		if m.ID != server && member.ID(m.ID) == member.ID(server) {
			return server
		}
	}
	return member.ID(server)
}

func orDash(text *string) string {
	if text == nil || *text == "" {
		return "-"
	}
	return *text
}

func yesNo(t truth) string {
	if t {
		return "yes"
	}
	return "no"
}

func milliseconds(ms *decimal) string {
	if ms == nil {
		return "-"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(*ms)), ".0") + "ms"
}
