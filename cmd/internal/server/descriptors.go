package server

import (
	"fmt"
	"log/slog"

	"github.com/kvorum/kvorum/transport/peer"
	"github.com/kvorum/kvorum/transport/resp"
)

// clientsFitting is how many clients may be connected for the rest of the
// process to find a descriptor whenever it needs one; 0: any number.
func (cfg Config) clientsFitting() int {
	if cfg.Descriptors == 0 {
		return 0
	}
	reserved := reservedOf(cfg.Descriptors)
	return int(min(max(cfg.Descriptors, reserved)-reserved, 1<<31-1))
}

// reservedOf counts the open files that are kept from clients, of all that a process may
// have.
func reservedOf(descriptors uint64) uint64 {
	return httpConnectionsMax + dialsReserved + filesReserved(descriptors) + peersReserved(descriptors)
}

// filesReserved is for the log's segments, of which a larger dataset has more, snapshots
// that are written and sent, and what every process has open.
func filesReserved(descriptors uint64) uint64 {
	return min(max(descriptors/descriptorsShare, filesReservedMin), filesReservedMax)
}

// peersReserved is for the connections that others open to the peer port.
func peersReserved(descriptors uint64) uint64 {
	return min(max(descriptors/descriptorsShare, peersReservedMin), peersReservedMax)
}

// peerPlaces divides those: newcomers, who may be anybody, get less than half.
func (cfg Config) peerPlaces() peer.Places {
	if cfg.Descriptors == 0 {
		return peer.Places{}
	}
	all := int(peersReserved(cfg.Descriptors))
	newcomers := all * 2 / 5
	return peer.Places{Newcomers: newcomers, Servers: all - newcomers}
}

// maxClients is the setting maxclients at start: its default, or what fits.
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

// fits refuses, as Redis does, more clients than there may be files for.
func (t tuner) fits(clients int64) error {
	if t.fitting > 0 && clients > int64(t.fitting) {
		return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", t.fitting) //lint:ignore ST1005 Redis's text
	}
	return nil
}
