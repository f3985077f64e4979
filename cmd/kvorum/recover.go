package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/node/store"
)

// recoverFlags are the flags of recover.
type recoverFlags struct {
	id            identifier
	from, data    string
	peerAdvertise address
	acceptLoss    bool
	before        uint64 // the first entry to give up; 0: none
}

// recoverCommand builds the command recover.
func recoverCommand() *cobra.Command {
	var flags recoverFlags
	cmd := &cobra.Command{
		Use:   "recover --id ID --from OLD-DIR --data NEW-DIR --peer-advertise host:port --accept-loss",
		Short: "Make a new cluster from one surviving node, when a majority is lost for good",
		Long: "Make a new cluster from one surviving node, when a majority of the disks is lost for good.\n\n" +
			"The node must not run. Its directory keeps what it holds; a copy of that goes into a new directory, as a cluster of one\n" +
			"with a name of its own, so that the lost nodes, should they come back, cannot mix with it. Serve the new directory,\n" +
			"then let empty nodes join it.\n\n" +
			"Acknowledged writes that never reached this node are lost. As long as a majority can come back, bring it back instead;\n" +
			"of several survivors take the one with the highest last-log-term, and of those that are equal in this the one with the\n" +
			"highest last-log-index (kvorum status names it).\n\n" +
			"If an entry of the log cannot be applied, this says which one. --before stops there, and gives up that entry and all\n" +
			"behind it: the writes in them are lost, also acknowledged ones. Try the other survivors first.\n\n" +
			"The new directory is served only when it is finished. If this is cut short, do it again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return recoverCluster(&flags, cmd.OutOrStdout()) },
	}
	cmd.Flags().Var(&flags.id, "id", "the id that the old directory belongs to, and the new one will (required)")
	cmd.Flags().StringVar(&flags.from, "from", "", "the surviving node's data directory (required)")
	cmd.Flags().StringVar(&flags.data, "data", "", "where the new data directory is made; it must not exist, or be empty (required)")
	cmd.Flags().Var(&flags.peerAdvertise, "peer-advertise", "the address that other nodes will dial (required)")
	cmd.Flags().Uint64Var(&flags.before, "before", 0, "give up the entry of this index and all behind it")
	cmd.Flags().BoolVar(&flags.acceptLoss, "accept-loss", false, "confirm that writes which never reached this node, and those that --before gives up, are lost")
	sayEachTime(cmd.Flags(), "before", "accept-loss")
	return cmd
}

// check refuses flags that are missing or contradict each other.
func (f *recoverFlags) check() error {
	switch {
	case f.id == "":
		return errors.New("--id is missing; give the id of the surviving node, as in --id n1")
	case f.from == "":
		return errors.New("--from is missing; give the surviving node's data directory")
	case f.data == "":
		return errors.New("--data is missing; give a directory that does not exist yet")
	case f.peerAdvertise.port == 0 || f.peerAdvertise.everywhere():
		return errors.New("--peer-advertise is missing or names no host; give the address that other nodes will dial, as in --peer-advertise n1.example:16379")
	case !f.acceptLoss:
		return errors.New("acknowledged writes that never reached this node would be lost; bring a majority back if there is any way, else confirm with --accept-loss")
	}
	if _, err := os.Stat(f.from); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	from, err := resolved(f.from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	data, err := resolved(f.data)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if rel, err := filepath.Rel(from, data); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("--data %s is in --from, which keeps what it holds; give a directory beside it", f.data)
	}
	return nil
}

// resolved returns where a path leads, symbolic links followed; its end need not exist yet.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
		return real, err
	}
	parent, err := resolved(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// recoverCluster makes a new data directory, of a cluster of one, from the old one.
func recoverCluster(f *recoverFlags, stdout io.Writer) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	old, err := openStores(f.from, f.id)
	if err != nil {
		return unrecoverable(f.from, "open --from", err)
	}
	defer old.dir.Close()
	made, err := beginStores(f.data, f.id, old.dir.LogStore())
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("--data: %w; give a directory that does not exist yet", err)
	}
	if err != nil {
		return fmt.Errorf("make --data: %w", err)
	}
	r, cluster, err := f.carryOver(old, made)
	if err != nil { // remove it, so that the same command works once the cause is fixed
		return errors.Join(err, made.dir.Abandon())
	}
	if err := made.dir.Close(); err != nil {
		return fmt.Errorf("close --data: %w", err)
	}
	f.report(stdout, r, fmt.Sprintf("new cluster %s with one member, %s, in %s", cluster, made.dir.Identity().Server, f.data))
	return nil
}

// carryOver recovers the old directory into the new one. The new one is unfinished until
// the last step, so that no server can start on half of it.
func (f *recoverFlags) carryOver(old, made opened) (r node.Recovered, cluster string, err error) {
	self := member.Server{ID: made.dir.Identity().Server, PeerAddr: f.peerAdvertise.String()}
	if r, err = node.Recover(old.stores, made.stores, self, f.before); err != nil {
		return r, "", unrecoverable(f.from, "recover "+f.from, err)
	}
	cluster = rand.Text()
	if err := made.dir.Join(cluster, nil); err != nil {
		return r, "", fmt.Errorf("name the new cluster: %w", err)
	}
	if err := made.dir.Finish(); err != nil {
		return r, "", fmt.Errorf("finish --data: %w", err)
	}
	return r, cluster, nil
}

// report prints what was recovered, what was given up, and what to do next.
func (f *recoverFlags) report(stdout io.Writer, r node.Recovered, cluster string) {
	fmt.Fprintf(stdout, "recovered %d keys up to entry %d of term %d\n", r.Keys, r.Index, r.Term)
	if r.GivenUp > 0 {
		fmt.Fprintf(stdout, "gave up %s: the writes in them are lost, also acknowledged ones\n", entries(f.before, r.Index+r.GivenUp))
	}
	fmt.Fprintf(stdout, "%s\nnext: kvorum serve --id %s --data %s …, then let empty nodes join it; keep %s until all is well\n", cluster, f.id, f.data, f.from)
}

// entries describes a range of entries and their number.
func entries(first, last uint64) string {
	return fmt.Sprintf("entries %d to %d (%d in all)", first, last, last-first+1)
}

// unrecoverable returns the error for an old directory that cannot be read. A damaged
// one may be the last copy of its data, so no message tells anybody to empty it.
func unrecoverable(from, step string, err error) error {
	if errors.As(err, new(*fsm.NewerError)) {
		return fmt.Errorf("%s: %w", step, err) // it names the release that can read it; this one would give up good entries
	}
	text := err.Error()
	damage, unapplied := (*store.DamageError)(nil), (*node.UnappliedError)(nil)
	damaged := errors.As(err, &damage)
	if damaged {
		text = damage.Found()
	}
	if errors.As(err, &unapplied) {
		if damaged {
			unapplied = &node.UnappliedError{Index: unapplied.Index, Last: unapplied.Last, Err: errors.New(text)}
		}
		return fmt.Errorf("%s: %w: recover from another node's directory, if it holds that entry otherwise; with --before %d this one is recovered without %s, and the writes in them are lost, "+
			"also acknowledged ones; keep %s until all is well", step, unapplied, unapplied.Index, entries(unapplied.Index, unapplied.Last), from)
	}
	if damaged {
		return fmt.Errorf("%s: %s: this directory cannot be recovered from; recover from another node's, if there is one, and keep %s until all is well", step, text, from)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// opened is a data directory with its stores.
type opened struct {
	dir    *store.Dir
	stores node.Stores
}

func storesOf(path string, id identifier) store.Options {
	return store.Options{Path: path, ID: string(id), Verify: fsm.Verify, Describe: fsm.Describe, Logger: slog.New(slog.DiscardHandler)}
}

// openStores opens an existing directory in order to read it.
func openStores(path string, id identifier) (opened, error) {
	o := storesOf(path, id)
	o.Existing = true
	dir, err := store.Open(o)
	if err != nil {
		return opened{}, err
	}
	stores, err := dir.Stores()
	if err != nil {
		return opened{}, errors.Join(err, dir.Close())
	}
	return opened{dir, stores}, nil
}

// beginStores makes an unfinished directory. It uses the log store of the old one, since
// the node's flags may ask for that one.
func beginStores(path string, id identifier, kind store.LogStore) (opened, error) {
	o := storesOf(path, id)
	o.LogStore, o.MadeBy = kind, "kvorum recover"
	dir, err := store.Begin(o)
	if err != nil {
		return opened{}, err
	}
	stores, err := dir.Stores()
	if err != nil {
		return opened{}, errors.Join(err, dir.Abandon())
	}
	return opened{dir, stores}, nil
}
