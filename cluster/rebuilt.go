package cluster

import (
	"context"
	"fmt"
	"slices"
)

// A rebuilt server has an empty directory in place of a damaged one. It has forgotten what it voted
// for and what it confirmed. So it must not help to found a cluster: the other servers may be
// rebuilt too, with the data of all of them set aside. It joins like any new server, which requires
// a majority of the old cluster.

// rebuiltText says why a rebuilt server promises itself to no formation.
func rebuiltText(server string) string {
	return fmt.Sprintf("%s has set a damaged data directory aside, and only joins its cluster, which has to run", server)
}

// rebuiltOthers lists, for the log of a rebuilt server that waits, the other servers that were
// rebuilt and wait too.
func (s *Service) rebuiltOthers(ctx context.Context) []string {
	if !s.cfg.Vault.Identity().Rebuilt {
		return nil
	}
	waits := []string{fmt.Sprintf("a leader of the cluster to take this server in, since %s", rebuiltText(s.server))}
	var others []string
	for _, v := range s.survey(ctx) {
		if v.err == nil && v.answer.Rebuilt {
			others = append(others, v.answer.Server)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		waits = append(waits, fmt.Sprintf("%v have set damaged directories aside, too: only with a majority of the servers intact there can be a leader; "+
			"if there is none for good, run kvorum recover on the data directory of one that is intact, and keep what was set aside", others))
	}
	return waits
}
