// Package member defines how the servers of a cluster are named. The machine (which
// refuses sessions of strangers), node and cluster share it.
package member

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Server is one server of a configuration.
type Server struct {
	ID       string // "id@incarnation": minted with its data directory, never reused
	PeerAddr string // host:port that other nodes dial; the host is kept as a name
	Voter    bool
}

// Formation holds what the founders of a cluster promise each other at its first start: the
// cluster's identity and its whole first configuration.
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

// CheckText refuses a name or an address that cannot be part of a line of text, such as in
// MOVED, INFO, CLUSTER NODES, a log or a terminal. The text may be empty.
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

// Identity holds what a data directory stores about its server.
type Identity struct {
	Server  string     // id@incarnation, minted with the directory
	Cluster string     // "" until the server has promised itself to a cluster or joined one
	Promise *Formation // what the server promised at a first start; nil if it joined later
	Seeds   []string   // peer addresses through which the server joined; none if it has promised
	// Settled means that the server never again asks by itself to become a voter: it
	// has been one, or it joined as a non-voter.
	Settled bool
	// Rebuilt means that the directory replaces a damaged one. The server then only joins
	// its cluster; it neither founds one nor promises itself to one.
	Rebuilt bool
}
