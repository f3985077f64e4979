package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/node/store"
)

// initFlags are the flags of init.
type initFlags struct {
	id            identifier
	data          string
	peerAdvertise address
	logStore      choice
}

// initCommand builds the command init.
func initCommand() *cobra.Command {
	flags := initFlags{logStore: newLogStore()}
	cmd := &cobra.Command{
		Use:   "init --id ID --peer-advertise host:port",
		Short: "Make the data directory of a new cluster of one node",
		Long: "Make the data directory of a new cluster of one node, and end. Serve the directory then; further nodes join with --join.\n\n" +
			"This is for the first start of a cluster, once. serve founds no cluster by itself from an empty directory, which may be a lost\n" +
			"one; so run this by hand, and never as a step of each start. A cluster that begins with several nodes needs no init: give\n" +
			"each of them the same serve --cluster.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return initCluster(&flags, cmd.OutOrStdout()) },
	}
	cmd.Flags().Var(&flags.id, "id", "the node's id, unique in the cluster (required)")
	cmd.Flags().StringVar(&flags.data, "data", "", "where the data directory is made; it must not exist, or be empty (default: kvorum-data/ID/data)")
	cmd.Flags().Var(&flags.peerAdvertise, "peer-advertise", "the address that other nodes will dial (required)")
	cmd.Flags().Var(&flags.logStore, "log-store", fmt.Sprintf("what keeps the log (default: %s)", store.DefaultLogStore))
	return cmd
}

// complete checks the flags and fills in the default of --data.
func (f *initFlags) complete() error {
	switch {
	case f.id == "":
		return errors.New("--id is missing; give the node an id of its own, as in --id n1")
	case f.peerAdvertise.port == 0 || f.peerAdvertise.everywhere():
		return fmt.Errorf("--peer-advertise is missing or names no host; give the address that other nodes will dial, as in --peer-advertise %s.example:16379", f.id)
	}
	if f.data == "" {
		f.data = dataDefault(f.id)
	}
	return nil
}

func dataDefault(id identifier) string { return filepath.Join(dataDirDefault, string(id), "data") }

// initCluster makes a data directory whose server has promised to form a cluster of one.
func initCluster(f *initFlags, stdout io.Writer) error {
	if err := f.complete(); err != nil {
		return err
	}
	o := storesOf(f.data, f.id)
	o.LogStore, o.MadeBy = store.LogStore(f.logStore.value), "kvorum init"
	dir, err := store.Begin(o)
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("make --data: %w: if a node's data is in it, serve it as it is, with kvorum serve; a new cluster begins with an empty directory", err)
	}
	if err != nil {
		return fmt.Errorf("make --data: %w", err)
	}
	self := member.Server{ID: dir.Identity().Server, PeerAddr: f.peerAdvertise.String(), Voter: true}
	founded := member.Formation{Cluster: rand.Text(), Servers: []member.Server{self}}
	if err := dir.Promise(founded); err != nil {
		return errors.Join(fmt.Errorf("store the new cluster: %w", err), dir.Abandon())
	}
	if err := errors.Join(dir.Finish(), dir.Close()); err != nil {
		return fmt.Errorf("finish --data: %w", err)
	}
	fmt.Fprintf(stdout, "new cluster %s with one member, %s, in %s\nnext: kvorum serve --id %s --data %s …\n", founded.Cluster, self.ID, f.data, f.id, f.data)
	return nil
}
