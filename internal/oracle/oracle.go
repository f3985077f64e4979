// Package oracle starts a real redis-server for tests that compare Kvorum's replies, bytes
// or files with it. Without a redis-server such tests are skipped, with a message. If
// KVORUM_REQUIRE_REDIS is set, as in CI, they fail instead.
package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Limits of the package.
const (
	startTimeout = 20 * time.Second      // how long a server may take to answer
	startPause   = 10 * time.Millisecond // between two checks whether it does
	startsMax    = 5                     // how often to try, since another process may take the port first
)

// version is the version of Redis whose replies Kvorum gives.
const version = "7.0."

// Options says how to start a server.
type Options struct {
	Dir   string   // its working directory, which may hold a dump.rdb; "": a fresh one
	Port  bool     // whether it also listens on TCP (cluster mode requires that)
	Flags []string // additional flags of redis-server
}

// Server is a running redis-server.
type Server struct {
	Socket string // the path of its Unix socket
	Addr   string // host:port; "" without Options.Port
}

// Start starts a server that stops at the end of the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	program, err := find()
	if err != nil {
		if os.Getenv("KVORUM_REQUIRE_REDIS") != "" {
			t.Fatalf("KVORUM_REQUIRE_REDIS is set: %v", err)
		}
		t.Skipf("skipped: %v, nothing to compare with", err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	for try := 1; ; try++ {
		s, err := o.start(t, program)
		if err == nil {
			return s
		}
		if try == startsMax || !o.Port {
			t.Fatal(err)
		}
	}
}

// Tool returns the path of one of Redis's client programs. It returns false if the program
// is not installed, and fails the test then if KVORUM_REQUIRE_REDIS is set.
func Tool(t testing.TB, name string) (path string, ok bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path, true
	}
	if os.Getenv("KVORUM_REQUIRE_REDIS") != "" {
		t.Fatalf("KVORUM_REQUIRE_REDIS is set: %v", err)
	}
	t.Logf("skipped: what needs %s, which is not installed", name)
	return "", false
}

// find returns the path of a redis-server of the right version.
func find() (string, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("redis-server is not installed")
	}
	says, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("redis-server --version: %w", err)
	}
	if !strings.Contains(string(says), "v="+version) {
		return "", fmt.Errorf("redis-server is not a %sx: %s", version, bytes.TrimSpace(says))
	}
	return program, nil
}

func (o Options) start(t testing.TB, program string) (*Server, error) {
	s := &Server{Socket: filepath.Join(o.Dir, "redis.sock")}
	port := 0
	if o.Port {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	process := exec.Command(program, append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1",
		"--unixsocket", s.Socket, "--dir", o.Dir, "--save", ""}, o.Flags...)...)
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		process.Wait()
		close(exited)
	}()
	stop := func() {
		process.Process.Kill()
		<-exited
	}
	if err := s.await(exited); err != nil {
		stop()
		return nil, fmt.Errorf("%w\n%s", err, log.String())
	}
	t.Cleanup(stop)
	return s, nil
}

// await waits until the server answers PING, even if only to ask for a password. The
// server may have to load a file first.
func (s *Server) await(exited <-chan struct{}) error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(startPause)
	defer tick.Stop()
	for {
		if s.answers() {
			return nil
		}
		select {
		case <-exited:
			return errors.New("redis-server exited at once")
		case <-deadline:
			return errors.New("redis-server does not answer")
		case <-tick.C:
		}
	}
}

func (s *Server) answers() bool {
	conn, err := net.DialTimeout("unix", s.Socket, startTimeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, len("-NOAUTH"))
	n, err := conn.Read(answer)
	said := string(answer[:n])
	return err == nil && (strings.HasPrefix(said, "+PONG") || said == "-NOAUTH")
}

// freePort finds a free port whose bus port, 10,000 above it, is also a valid port.
func freePort() (int, error) {
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		if port > 55000 {
			port = 20000 + port%10000
		}
		bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000)))
		if err != nil {
			continue
		}
		bus.Close()
		return port, nil
	}
	return 0, errors.New("no free port")
}
