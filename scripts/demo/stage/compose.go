package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Compose is the cluster of docker-compose.yml, in the folder that the demo runs in.
type Compose struct {
	command []string // docker compose, or docker-compose
	nodes   []Node
	started bool // by us, so that we take it down
}

// demoProject is the project of containers that this run of the demo starts, and takes
// down with their volumes: no other run's, and nobody's who likes the name.
func demoProject() string { return "kvorum-demo-" + strconv.Itoa(os.Getpid()) }

// OpenCompose uses the cluster of docker-compose.yml as it runs, or starts it.
func OpenCompose(ctx context.Context, tell func(string)) (*Compose, error) {
	c := &Compose{}
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.CommandContext(ctx, command[0], append(command[1:], "version")...).Run() == nil {
			c.command = command
			break
		}
	}
	if c.command == nil {
		return nil, errors.New("neither docker compose nor docker-compose is here; install one of them, or leave out -compose")
	}
	running, err := c.run(ctx, "ps", "--services", "--filter", "status=running")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(running) == "" {
		// A project of our own: whatever volumes there are keep their data.
		c.command, c.started = append(c.command, "-p", demoProject()), true
		tell("no containers run yet: " + strings.Join(c.command, " ") + " up --build -d")
		if err := c.up(ctx); err != nil {
			c.Close()
			return nil, err
		}
	}
	for i := range NodeCount {
		id := "n" + strconv.Itoa(i+1)
		addr, err := c.run(ctx, "port", id, "6379")
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("find the port of %s: %w", id, err)
		}
		c.nodes = append(c.nodes, Node{ID: id, Addr: strings.TrimSpace(addr)})
	}
	if err := c.Ready(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Compose) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, composeUpWithin)
	defer cancel()
	up := c.prepare(ctx, "up", "--build", "-d")
	up.Stdout, up.Stderr = os.Stderr, os.Stderr
	if err := up.Run(); err != nil {
		return fmt.Errorf("start the containers: %w", err)
	}
	return nil
}

// prepare keeps Ctrl-C in the terminal from the engine's client: a step that
// has begun is finished.
func (c *Compose) prepare(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.command[0], append(c.command[1:len(c.command):len(c.command)], args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (c *Compose) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWithin)
	defer cancel()
	out, err := c.prepare(ctx, args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", strings.Join(c.command, " "), strings.Join(args, " "), err)
	}
	return string(out), nil
}

// Nodes are the members, in the order of their ids.
func (c *Compose) Nodes() []Node { return c.nodes }

// Kill kills a node's container without warning.
func (c *Compose) Kill(ctx context.Context, id string) error {
	_, err := c.run(context.WithoutCancel(ctx), "kill", "-s", "SIGKILL", id)
	return err
}

// Start starts a killed container.
func (c *Compose) Start(ctx context.Context, id string) error {
	_, err := c.run(context.WithoutCancel(ctx), "start", id)
	return err
}

// Ready waits until every node serves.
func (c *Compose) Ready(ctx context.Context) error {
	for deadline := time.Now().Add(StartWithin); !ready(c.nodes); {
		if err := pause(ctx, pollPause); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not every container was ready within %v; see %s logs", StartWithin, strings.Join(c.command, " "))
		}
	}
	return nil
}

// Close takes down what OpenCompose has started, its volumes included, and
// leaves alone what ran before.
func (c *Compose) Close() {
	if c.started {
		if _, err := c.run(context.Background(), "down", "-v", "--rmi", "local"); err != nil {
			fmt.Fprintln(os.Stderr, "demo: the containers may still run:", err)
		}
	}
}
