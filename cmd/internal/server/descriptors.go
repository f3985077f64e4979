package server

import (
	"fmt"
	"log/slog"

	"github.com/kvorum/kvorum/transport/peer"
	"github.com/kvorum/kvorum/transport/resp"
)

// clientsFitting returns how many clients may connect without the rest of the process
// running out of descriptors; 0: any number.
func (cfg Config) clientsFitting() int {
	if cfg.Descriptors == 0 {
		return 0
	}
	reserved := reservedOf(cfg.Descriptors)
	return int(min(max(cfg.Descriptors, reserved)-reserved, 1<<31-1))
}

// reservedOf returns how many of a process's descriptors are reserved, so that clients
// cannot use them.
func reservedOf(descriptors uint64) uint64 {
	return httpConnectionsMax + dialsReserved + filesReserved(descriptors) + peersReserved(descriptors)
}

// filesReserved returns how many descriptors are reserved for files: the log's segments
// (more of them for a larger dataset), snapshots being written or sent, and what every
// process has open.
func filesReserved(descriptors uint64) uint64 {
	return min(max(descriptors/descriptorsShare, filesReservedMin), filesReservedMax)
}

// peersReserved returns how many descriptors are reserved for incoming connections to
// the peer port.
func peersReserved(descriptors uint64) uint64 {
	return min(max(descriptors/descriptorsShare, peersReservedMin), peersReservedMax)
}

// peerPlaces divides the reserve for the peer port. Newcomers, who may be anybody, get
// less than half.
func (cfg Config) peerPlaces() peer.Places {
	if cfg.Descriptors == 0 {
		return peer.Places{}
	}
	all := int(peersReserved(cfg.Descriptors))
	newcomers := all * 2 / 5
	return peer.Places{Newcomers: newcomers, Servers: all - newcomers}
}

// maxClients returns the setting maxclients at the start: its default, or as many as
// there are descriptors for.
func (s *Server) maxClients() (int, error) {
	fitting, reserved := s.cfg.clientsFitting(), reservedOf(s.cfg.Descriptors)
	switch {
	case s.cfg.Descriptors == 0 || fitting >= resp.ClientsMax:
		return resp.ClientsMax, nil
	case fitting == 0:
		return 0, fmt.Errorf("this process may have only %d files open, and needs %d without any client; raise the limit (ulimit -n)",
			s.cfg.Descriptors, reserved)
	}
	s.log.Warn("maxclients is lowered to what the limit of open files leaves; raise that limit (ulimit -n) for more",
		slog.Int("maxclients", fitting), slog.Int("wanted", resp.ClientsMax),
		slog.Uint64("open_files_max", s.cfg.Descriptors), slog.Uint64("reserved", reserved))
	return fitting, nil
}

// fits refuses, as Redis does, a number of clients that exceeds the descriptors.
func (t tuner) fits(clients int64) error {
	if t.fitting > 0 && clients > int64(t.fitting) {
		return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", t.fitting) //lint:ignore ST1005 Redis's text
	}
	return nil
}
