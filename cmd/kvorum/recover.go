package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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
}

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
			"highest last-log-index (kvorum status names it).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return recoverCluster(&flags, cmd.OutOrStdout()) },
	}
	cmd.Flags().Var(&flags.id, "id", "the id that the old directory belongs to, and the new one will (required)")
	cmd.Flags().StringVar(&flags.from, "from", "", "the surviving node's data directory (required)")
	cmd.Flags().StringVar(&flags.data, "data", "", "where the new data directory is made; it must not exist, or be empty (required)")
	cmd.Flags().Var(&flags.peerAdvertise, "peer-advertise", "the address that other nodes will dial (required)")
	cmd.Flags().BoolVar(&flags.acceptLoss, "accept-loss", false, "confirm that writes which never reached this node are given up")
	return cmd
}

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
	found, err := os.ReadDir(f.data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--data: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("--data %s is not empty; give a directory that does not exist yet", f.data)
	}
	return nil
}

func recoverCluster(f *recoverFlags, stdout io.Writer) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	old, err := openStores(f.from, f.id, true)
	if err != nil {
		return unrecoverable(f.from, "open --from", err)
	}
	defer old.dir.Close()
	made, err := openStores(f.data, f.id, false)
	if err != nil {
		return fmt.Errorf("make --data: %w", err)
	}
	defer func() {
		if err != nil { // so that the same command works once its cause is mended
			err = errors.Join(err, emptied(f.data))
		}
		made.dir.Close() // last: until then it is locked
	}()
	self := member.Server{ID: made.dir.Identity().Server, PeerAddr: f.peerAdvertise.String()}
	r, err := node.Recover(old.stores, made.stores, self)
	if err != nil {
		return unrecoverable(f.from, "recover "+f.from, err)
	}
	// Last: a directory without a cluster is one whose recovery was cut short.
	cluster := rand.Text()
	if err := made.dir.Join(cluster, nil); err != nil {
		return fmt.Errorf("name the new cluster: %w", err)
	}
	fmt.Fprintf(stdout, "recovered %d keys up to entry %d of term %d\nnew cluster %s with one member, %s, in %s\n", r.Keys, r.Index, r.Term, cluster, self.ID, f.data)
	fmt.Fprintf(stdout, "next: kvorum serve --id %s --data %s …, then let empty nodes join it; keep %s until all is well\n", f.id, f.data, f.from)
	return nil
}

// unrecoverable is the error of an old directory that cannot be read. A damaged one may
// be the last copy of what it holds, so nobody is told to empty it.
func unrecoverable(from, step string, err error) error {
	damage := (*store.DamageError)(nil)
	if !errors.As(err, &damage) {
		return fmt.Errorf("%s: %w", step, err)
	}
	return fmt.Errorf("%s: %s: this directory cannot be recovered from; recover from another node's, if there is one, and keep %s until all is well", step, damage.Found(), from)
}

// opened is a data directory with its stores.
type opened struct {
	dir    *store.Dir
	stores node.Stores
}

// emptied removes what a recovery that failed has left in the new directory,
// which may be a mount and stays.
func emptied(path string) error {
	found, err := os.ReadDir(path)
	if err != nil {
		return nil // it was never made
	}
	var errs []error
	for _, one := range found {
		errs = append(errs, os.RemoveAll(filepath.Join(path, one.Name())))
	}
	return errors.Join(errs...)
}

func openStores(path string, id identifier, existing bool) (opened, error) {
	dir, err := store.Open(store.Options{Path: path, ID: string(id), Existing: existing, Verify: fsm.Verify, Describe: fsm.Describe, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return opened{}, err
	}
	stores, err := dir.Stores()
	if err != nil {
		return opened{}, errors.Join(err, dir.Close())
	}
	return opened{dir, stores}, nil
}
