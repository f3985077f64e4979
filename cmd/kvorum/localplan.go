package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// goRunBinary matches the paths at which go run puts the binaries that it builds.
var goRunBinary = regexp.MustCompile(`[/\\]go-build[0-9]*[/\\]`)

// clusterPlan describes the cluster that local is about to run.
type clusterPlan struct {
	dir        string
	nodes      []*plannedNode
	restart    bool
	log        logFlags
	executable string
}

// plannedNode is one of local's nodes, with everything that follows from its number.
type plannedNode struct {
	id         string
	clientPort int
	dir        string // DIR/<id>: data, log and pid file
}

func (n *plannedNode) clients() string { return loopback(n.clientPort) }
func (n *plannedNode) peers() string   { return loopback(n.clientPort + peerPortOffset) }
func (n *plannedNode) http() string    { return loopback(n.clientPort + httpPortOffset) }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// givenFlags says which flags the operator has set; the others follow from the directory.
type givenFlags struct{ nodes, port bool }

// layout records for how many nodes, and from which port on, a directory of local was
// made. The addresses are part of the cluster's configuration, so the cluster cannot be
// resumed with others.
type layout struct {
	Nodes int `json:"nodes"`
	Port  int `json:"port"`
}

// planCluster decides on nodes, ports and directories. It refuses what cannot work
// before anything is started.
func planCluster(flags *localFlags, given givenFlags) (*clusterPlan, error) {
	dir, err := filepath.Abs(flags.dir)
	if err != nil {
		return nil, fmt.Errorf("--dir %s: %w", flags.dir, err)
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary, to start the nodes with: %w", err)
	}
	want, err := settleLayout(dir, flags, given)
	if err != nil {
		return nil, err
	}
	if err := checkFree(dir); err != nil {
		return nil, err
	}
	plan := &clusterPlan{dir: dir, restart: flags.restart, log: flags.log, executable: executable}
	for i := range want.Nodes {
		id := "n" + strconv.Itoa(i+1)
		plan.nodes = append(plan.nodes, &plannedNode{id: id, clientPort: want.Port + i, dir: filepath.Join(dir, id)})
	}
	if last := want.Port + want.Nodes - 1 + peerPortOffset; last > portMax {
		return nil, fmt.Errorf("--port %d with %d nodes needs port %d; want --port at most %d", want.Port, want.Nodes, last, want.Port-(last-portMax))
	}
	if err := checkPorts(plan.nodes); err != nil {
		return nil, err
	}
	if err := plan.initAlone(); err != nil {
		return nil, err
	}
	return plan, saveLayout(dir, want)
}

// initAlone makes the data directory of a cluster of one, by kvorum init. It does so
// only for a new cluster, before the layout is stored. Once there is a layout, a missing
// data directory means that it was lost.
func (p *clusterPlan) initAlone() error {
	if len(p.nodes) > 1 {
		return nil
	}
	for _, path := range []string{layoutFile(p.dir), filepath.Join(p.nodes[0].dir, "data", "identity.json")} {
		if _, err := os.Stat(path); err == nil {
			return nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	n := p.nodes[0]
	// A separate process takes its settings from the environment, as the node does.
	made := exec.Command(p.executable, "init", "--id="+n.id, "--data="+filepath.Join(n.dir, "data"), "--peer-advertise="+n.peers())
	if out, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("make the data directory of %s: %w: %s", n.id, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// settleLayout returns the layout that the directory was made for, and refuses flags that differ from it.
func settleLayout(dir string, flags *localFlags, given givenFlags) (layout, error) {
	want := layout{flags.nodes.value, flags.port.value}
	text, err := os.ReadFile(layoutFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return want, nil
	}
	if err != nil {
		return want, fmt.Errorf("--dir: %w", err)
	}
	var made layout
	if err := json.Unmarshal(text, &made); err != nil || made.Nodes < 1 || made.Nodes > localNodesMax || made.Port < 1 || made.Port > portMax {
		return want, fmt.Errorf("--dir %s: %s is damaged; restore it as {\"nodes\":3,\"port\":6379} with the numbers that the directory was made with", dir, layoutFile(dir))
	}
	if given.nodes && want.Nodes != made.Nodes {
		return want, fmt.Errorf("--dir %s holds a cluster of %d nodes; start it with --nodes %d, or give another --dir", dir, made.Nodes, made.Nodes)
	}
	if given.port && want.Port != made.Port {
		return want, fmt.Errorf("--dir %s holds a cluster whose nodes know each other by --port %d; start it with that, or give another --dir", dir, made.Port)
	}
	return made, nil
}

// checkFree refuses a directory that local did not make and that holds files that are
// not Kvorum's. It may hold directories of other nodes, since serve puts them there by
// default.
func checkFree(dir string) error {
	if _, err := os.Stat(layoutFile(dir)); err == nil {
		return nil
	}
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--dir: %w", err)
	}
	for _, entry := range found {
		path := filepath.Join(dir, entry.Name())
		if entry.Name() == "lost+found" || path == newLayoutFile(dir) {
			continue
		}
		inside, err := os.ReadDir(path)
		switch {
		case errors.Is(err, syscall.ENOTDIR):
			return notOurs(dir, path)
		case err != nil:
			return fmt.Errorf("--dir: %w", err)
		}
		for _, one := range inside {
			if !slices.Contains([]string{"data", "log", "pid", "lost+found"}, one.Name()) {
				return notOurs(dir, filepath.Join(path, one.Name()))
			}
		}
	}
	return nil
}

func notOurs(dir, path string) error {
	return fmt.Errorf("--dir %s holds %s, which is not Kvorum's: give a directory that is empty or does not exist yet", dir, path)
}

func layoutFile(dir string) string { return filepath.Join(dir, "local.json") }

// newLayoutFile returns the temporary file to which the layout is written first. It
// stays behind after a kill or when the disk is full.
func newLayoutFile(dir string) string { return layoutFile(dir) + ".tmp" }

// saveLayout stores the layout in the directory, whole or not at all.
func saveLayout(dir string, l layout) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make --dir: %w", err)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode the layout of --dir: %w", err)
	}
	temporary := newLayoutFile(dir)
	if err := os.WriteFile(temporary, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write to --dir: %w", err)
	}
	if err := os.Rename(temporary, layoutFile(dir)); err != nil {
		return fmt.Errorf("write to --dir: %w", err)
	}
	return nil
}

// checkPorts returns an error that names every port that is in use.
func checkPorts(nodes []*plannedNode) error {
	var taken []string
	for _, n := range nodes {
		for _, use := range []struct{ what, addr string }{{"clients", n.clients()}, {"peers", n.peers()}, {"http", n.http()}} {
			listener, err := net.Listen("tcp", use.addr)
			if err != nil {
				taken = append(taken, fmt.Sprintf("%s (%s of %s)", use.addr, use.what, n.id))
				continue
			}
			listener.Close()
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return fmt.Errorf("in use: %s; stop what listens there, or choose another --port", strings.Join(taken, ", "))
}

// command returns the command-line arguments of a node.
func (p *clusterPlan) command(n *plannedNode) []string {
	var founders members
	for _, one := range p.nodes {
		founders = append(founders, founder(one))
	}
	return []string{
		"serve", "--id=" + n.id, "--listen=" + n.clients(), "--advertise=" + n.clients(),
		"--peer-listen=" + n.peers(), "--peer-advertise=" + n.peers(), "--http=" + n.http(),
		"--data=" + filepath.Join(n.dir, "data"), "--cluster=" + founders.String(),
		"--log-format=" + p.log.format.value, "--log-level=" + p.log.level.value,
		"--parent-pipe=" + strconv.Itoa(parentPipeDescriptor),
	}
}

// waitFor waits for d. It returns false if ctx ends first.
func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
