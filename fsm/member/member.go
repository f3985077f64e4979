// Package member names the servers of a cluster, for every package that has to
// speak of them: the machine (which refuses sessions of strangers), node and
// cluster.
package member

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Server is one server as a configuration entry names it.
type Server struct {
	ID       string // "id@incarnation": minted with its data directory, never reused
	PeerAddr string // host:port that other nodes dial; the host is kept as a name
	Voter    bool
}

// Formation is what the founders of a cluster promise each other at its first
// start: its identity and its whole first configuration.
type Formation struct {
	Cluster string // random, minted by the founder with the lowest id
	Servers []Server
}

// ServerID joins an operator's id and a data directory's incarnation.
func ServerID(id, incarnation string) string { return id + "@" + incarnation }

// SplitServerID is the inverse of ServerID.
func SplitServerID(server string) (id, incarnation string, err error) {
	id, incarnation, ok := strings.Cut(server, "@")
	if !ok || id == "" || incarnation == "" {
		return "", "", fmt.Errorf("server %q is not of the form id@incarnation", server)
	}
	return id, incarnation, nil
}

// nameBytesMax bounds a server's name and an address, as an entry's codec does.
const nameBytesMax = 200

// CheckText refuses a name or an address that cannot stand in a line of text: in
// MOVED, INFO, CLUSTER NODES, a log, a terminal. It may be empty.
func CheckText(text string) error {
	if len(text) > nameBytesMax || !utf8.ValidString(text) {
		return fmt.Errorf("%.40q… of %d bytes: want text of %d bytes at most", text, len(text), nameBytesMax)
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == ',' {
			return fmt.Errorf("%q has the character %q in it", text, r)
		}
	}
	return nil
}

// ID returns the operator's id of a server ("n1" of "n1@3f…").
func ID(server string) string {
	id, _, _ := strings.Cut(server, "@")
	return id
}

// Identity is what a data directory says of the server that it belongs to.
type Identity struct {
	Server  string     // id@incarnation, minted with the directory
	Cluster string     // "" until it has promised itself to one or joined one
	Promise *Formation // what it promised at a first start; nil if it joined later
	Seeds   []string   // peer addresses through which it joined; none if it has promised
	// Settled: it never asks by itself to be made a voter (again). It has been
	// one, or joined to be none.
	Settled bool
	// Rebuilt: its directory is in the place of one that was damaged. It only joins
	// the cluster, and neither founds one nor promises itself to one.
	Rebuilt bool
}
