package server

import (
	"fmt"
	"log/slog"

	"github.com/kvorum/kvorum/transport/resp"
)

// clientsFitting is how many clients may be connected for the rest of the
// process to find a descriptor whenever it needs one; 0: any number.
func (cfg Config) clientsFitting() int {
	if cfg.Descriptors == 0 {
		return 0
	}
	return int(min(max(cfg.Descriptors, descriptorsReserved)-descriptorsReserved, 1<<31-1))
}

// maxClients is the setting maxclients at start: its default, or what fits.
func (s *Server) maxClients() (int, error) {
	fitting := s.cfg.clientsFitting()
	switch {
	case s.cfg.Descriptors == 0 || fitting >= resp.ClientsMax:
		return resp.ClientsMax, nil
	case fitting == 0:
		return 0, fmt.Errorf("this process may have only %d files open, and needs %d without any client; raise the limit (ulimit -n)",
			s.cfg.Descriptors, descriptorsReserved)
	}
	s.log.Warn("maxclients is lowered to what the limit of open files leaves; raise that limit (ulimit -n) for more",
		slog.Int("maxclients", fitting), slog.Int("wanted", resp.ClientsMax),
		slog.Uint64("open_files_max", s.cfg.Descriptors), slog.Int("reserved", descriptorsReserved))
	return fitting, nil
}

// fits refuses, as Redis does, more clients than there may be files for.
func (t tuner) fits(clients int64) error {
	if t.fitting > 0 && clients > int64(t.fitting) {
		return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", t.fitting) //lint:ignore ST1005 Redis's text
	}
	return nil
}
