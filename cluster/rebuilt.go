package cluster

import (
	"context"
	"fmt"
	"slices"
)

// A server that is rebuilt has an empty directory in the place of one that was
// damaged. It has forgotten what it voted for and what it confirmed, so it must not
// help to found a cluster: the others may be in the same state, and the data of all
// of them set aside. It joins, as any new server does, which takes a majority of the
// old one's cluster.

// rebuiltText says why a rebuilt server promises nothing.
func rebuiltText(server string) string {
	return fmt.Sprintf("%s has set a damaged data directory aside, and only joins its cluster, which has to run", server)
}

// rebuiltOthers says, to the log of a rebuilt server that waits, who else waits so.
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
