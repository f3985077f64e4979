package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// runWith runs the program with these arguments and returns what it said.
func runWith(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, logs bytes.Buffer
	err = run(t.Context(), args, &out, &logs)
	return out.String(), err
}

func TestWhatIsWrongIsNamedWithWhatWouldBeRight(t *testing.T) {
	three := "--cluster=n1=a:1,n2=b:2,n3=c:3"
	for _, c := range []struct {
		args string
		says []string
	}{
		{"serv", []string{`unknown command "serv"`, "health, init, local, members, recover, serve, status, upgrade, version"}},
		{"serve extra", []string{`"extra"`}},
		{"serve --lissten :1", []string{"--lissten is no flag", "did you mean --listen?"}},
		{"serve --frobnicate", []string{"--frobnicate is no flag", "--help"}},
		{"serve --write-timeout", []string{"--write-timeout needs a value"}},
		{"serve", []string{"--id is missing", "--id n1"}},
		{"serve --id n@1", []string{"--id:", `"n@1" is no id`, "as in n1"}},
		{"serve --id=", []string{"--id:", "is no id"}},
		{"serve --id n1 --listen 6379", []string{"--listen:", `"6379" is no address`, "host:port"}},
		{"serve --id n1 --listen :0", []string{"--listen:", "from 1 to 65535"}},
		{"serve --id n1 --listen :70000", []string{"--listen:", "from 1 to 65535"}},
		{"serve --id n1 --listen :60000", []string{"no port 70000", "--peer-listen"}},
		{"serve --id n1 --listen :7000 --http :7000", []string{"--listen :7000", "--http :7000", "same port"}},
		{"serve --id n1 --peer-listen 127.0.0.1:6379", []string{"same port"}},
		{"serve --id n1 --log-store rocks", []string{"--log-store:", `"rocks" is none of bolt, wal`}},
		{"serve --id n1 --follower ignore", []string{"--follower:", "forward, redirect"}},
		{"serve --id n1 --write-timeout soon", []string{"--write-timeout:", "no duration", "5s"}},
		{"serve --id n1 --stale-read-max 999us", []string{"--stale-read-max:", "no whole number of milliseconds", "1ms"}},
		{"serve --id n1 --write-timeout 1ms", []string{"--write-timeout:", "out of bounds", "1s"}},
		{"serve --id n1 --log-level loud", []string{"--log-level:", "debug, info, warn, error"}},
		{"serve --id n1 --log-format xml", []string{"--log-format:", "text, json"}},
		{"serve --id n1 --cluster n1", []string{"--cluster:", `"n1" is no member`, "id=host:port"}},
		{"serve --id n1 --cluster n1=a:1,n1=b:1", []string{"--cluster:", "n1 is listed twice"}},
		{"serve --id n1 --cluster n1=a:1,n2=a:1", []string{"--cluster:", "n2: address a:1 is another member's"}},
		{"serve --id n1 --cluster n1=:1", []string{"--cluster:", "names no host"}},
		{"serve --id n1 --cluster n1=0.0.0.0:1", []string{"--cluster:", "names no host"}},
		{"serve --id n1 --cluster n1=a:b", []string{"--cluster:", `port "b"`}},
		{"serve --id n4 " + three, []string{"does not list this node, n4", "add n4=host:port"}},
		{"serve --id n1 --peer-advertise x:1 " + three, []string{"lists n1 at a:1", "says x:1"}},
		{"serve --id n4 --join a", []string{"--join:", `"a" is no address`}},
		{"serve --id n4 --join :1", []string{"--join:", "names no host"}},
		{"serve --id n4 --join a:1", []string{"--peer-advertise is missing", "n4.example:16379"}},
		{"serve --id n4 --await", []string{"--peer-advertise is missing"}},
		{"serve --id n1 --join a:1 " + three, []string{"--cluster is how a cluster is founded", "give one of them"}},
		{"serve --id n1 --await " + three, []string{"--cluster is how a cluster is founded", "give one of them"}},
		{"serve --id n4 --join a:1 --await", []string{"--await waits to be told", "give one of them"}},
		{"serve --id n4 --nonvoter", []string{"--nonvoter needs --join or --await"}},
		{"serve --id n1 --advertise 0.0.0.0:6379 " + three, []string{"--advertise 0.0.0.0:6379 names no host"}},
		{"init", []string{"--id is missing", "--id n1"}},
		{"init --id n1", []string{"--peer-advertise is missing", "n1.example:16379"}},
		{"init --id n1 --peer-advertise :16379", []string{"names no host"}},
		{"init --id n1 --peer-advertise a:1 --log-store rocks", []string{"--log-store:", `"rocks" is none of bolt, wal`}},
		{"local --nodes 0", []string{"--nodes:", "from 1 to 9"}},
		{"local --nodes three", []string{"--nodes:", "whole number"}},
		{"local --port 99999", []string{"--port:", "from 1 to 55535"}},
		{"local --port 55535 --nodes 3", []string{"needs port 65537", "at most 55533"}},
		{"health --http nowhere", []string{"--http:", "is no address"}},
	} {
		args := strings.Fields(c.args)
		if args[0] == "local" {
			args = append(args, "--dir", t.TempDir())
		}
		_, err := runWith(t, args...)
		if err == nil {
			t.Errorf("%s: accepted", c.args)
			continue
		}
		for _, word := range c.says {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", c.args, err, word)
			}
		}
	}
}

func TestEveryFlagOfServeHasItsVariable(t *testing.T) {
	values := map[string]string{
		"id": "n2", "listen": "127.0.0.1:7001", "advertise": "kv.example:7001", "peer-listen": "127.0.0.1:7002",
		"peer-advertise": "b:2", "http": "none", "data": "/somewhere", "cluster": "n1=a:1,n2=b:2", "join": "a:1,b:2", "await": "true", "nonvoter": "true", "requirepass": "secret",
		"log-store": "bolt", "rebuild-damaged": "true", "follower": "redirect", "write-timeout": "3s", "stale-read-max": "7s", "never-lead": "true", "debug-commands": "true",
		"log-format": "json", "log-level": "warn",
	}
	for name, value := range values {
		t.Setenv(variable(name), value)
	}
	cmd := serveCommand()
	if err := cmd.ParseFlags([]string{"--write-timeout", "4s"}); err != nil {
		t.Fatal(err)
	}
	if err := fromEnvironment(cmd.Flags()); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, ok := values[f.Name]; !ok && !f.Hidden && f.Name != "help" {
			t.Errorf("--%s is not tried here", f.Name)
		}
	})
	values["write-timeout"] = "4s" // a flag wins
	for name, want := range values {
		if got := cmd.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q from %s", name, got, want, variable(name))
		}
	}
	t.Setenv("KVORUM_LOG_STORE", "rocks")
	_, err := runWith(t, "serve", "--id", "n1")
	if err == nil || !strings.Contains(err.Error(), `KVORUM_LOG_STORE: "rocks" is none of bolt, wal`) {
		t.Errorf("a wrong variable: %v", err)
	}
}

func complete(t *testing.T, args ...string) *serveFlags {
	t.Helper()
	var f serveFlags
	cmd := serveCommand()
	cmd.ResetFlags()
	f.register(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := f.complete(); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestWhatIsNotGivenFollowsFromWhatIs(t *testing.T) {
	f := complete(t, "--id=n2", "--cluster=n1=a:16379,n2=node2.example:16379")
	for what, got := range map[string][2]string{
		"listen":         {f.listen.String(), ":6379"},
		"peer-listen":    {f.peerListen.String(), ":16379"},
		"http":           {f.http.String(), ":8379"},
		"peer-advertise": {f.peerAdvertise.String(), "node2.example:16379"},
		"advertise":      {f.advertise.String(), "node2.example:6379"},
		"data":           {f.data, filepath.Join("kvorum-data", "n2", "data")},
	} {
		if got[0] != got[1] {
			t.Errorf("--%s became %q, want %q", what, got[0], got[1])
		}
	}
	f = complete(t, "--id=alone", "--listen=:7000")
	if f.cluster.String() != "alone=127.0.0.1:17000" || f.advertise.String() != "127.0.0.1:7000" {
		t.Errorf("a node alone is %s, advertised at %s", &f.cluster, &f.advertise)
	}
	if !f.guessed.Peer || !f.guessed.Client {
		t.Error("addresses that nobody has chosen count as chosen: a directory that is resumed without them would move")
	}
	f = complete(t, "--id=n4", "--listen=10.0.0.4:6379", "--join=n1:16379,n2:16379")
	if f.peerAdvertise.String() != "10.0.0.4:16379" || f.guessed.Peer || f.cluster != nil || f.join.String() != "n1:16379,n2:16379" {
		t.Errorf("a node that joins is at %s (guessed: %v) with the list %s", &f.peerAdvertise, f.guessed.Peer, &f.cluster)
	}
}

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	out, err := runWith(t, "version")
	if err != nil || !strings.HasPrefix(out, "kvorum ") || !strings.Contains(out, "go1.") || !strings.Contains(out, "machine versions 1 to 2") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestHealthOfNobodyIsAnError(t *testing.T) {
	_, err := runWith(t, "health", "--http", "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "no node answers at --http 127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}

func TestALocalDirectoryIsResumedAsItWasMade(t *testing.T) {
	dir := t.TempDir()
	plan := func(nodes, port int, given givenFlags) (layout, error) {
		flags := &localFlags{nodes: count{value: nodes}, port: count{value: port}}
		return settleLayout(dir, flags, given)
	}
	if err := saveLayout(dir, layout{5, 7000}); err != nil {
		t.Fatal(err)
	}
	if got, err := plan(3, 6379, givenFlags{}); err != nil || got != (layout{5, 7000}) {
		t.Errorf("without flags: %v, %v", got, err)
	}
	if _, err := plan(3, 7000, givenFlags{nodes: true, port: true}); err == nil || !strings.Contains(err.Error(), "--nodes 5") {
		t.Errorf("other nodes: %v", err)
	}
	if _, err := plan(5, 6379, givenFlags{nodes: true, port: true}); err == nil || !strings.Contains(err.Error(), "--port 7000") {
		t.Errorf("another port: %v", err)
	}
	if err := os.WriteFile(layoutFile(dir), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := plan(3, 6379, givenFlags{}); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("damaged: %v", err)
	}
}

func TestGoRunIsRecognised(t *testing.T) {
	for path, want := range map[string]bool{
		"/tmp/go-build1234/b001/exe/kvorum":              true,
		"/home/someone/.cache/go-build/ab/cdef-d/kvorum": true,
		"/usr/local/bin/kvorum":                          false,
		"/home/me/go-builders/kvorum":                    false,
	} {
		if startedUnderGoRun(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
