package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/kvorum/kvorum/node/store"
)

// runRebuilding runs a node. If the data directory turns out to be damaged, at the start
// or later, it runs the node once more, as a new server in the old one's place. Without
// --rebuild-damaged it only says how to do that by hand: it is safe only while a
// majority of the other servers is intact, and this one cannot know that.
func (f *serveFlags) runRebuilding(ctx context.Context, run func() error, logger *slog.Logger) error {
	err := run()
	switch {
	case !store.Rebuildable(err):
		return err
	case !f.rebuildDamaged && !f.others():
		return fmt.Errorf("%w. If other servers of its cluster run, two commands bring this one back: mv %s %s.damaged; "+
			"then the same as before, and --join with the address of one of them. "+
			"If it was alone, nothing else holds its data: keep the directory", err, f.data, f.data)
	case !f.rebuildDamaged:
		return fmt.Errorf("%w. While a majority of the other servers is well, two commands bring this one back: mv %s %s.damaged; "+
			"then the same as before, with --cluster or --join (or start with --rebuild-damaged, which does both by itself)", err, f.data, f.data)
	case ctx.Err() != nil:
		return err
	}
	logger.Error("the data directory is damaged", slog.Any("error", err))
	aside, failed := store.Rebuild(f.storeOptions(logger), err, store.Rejoin{Nonvoter: f.nonvoter, Others: f.others()})
	if failed != nil {
		return errors.Join(err, fmt.Errorf("rebuild --data%s: %w", f.whyAlone(), failed))
	}
	logger.Warn("the damaged content is set aside until somebody removes it, and this node joins its cluster as a new server", slog.String("in", aside))
	return run()
}

// others reports whether the flags name another server, or have this one wait for an invitation.
func (f *serveFlags) others() bool {
	return f.join != nil || f.await || len(f.cluster) > 1
}
