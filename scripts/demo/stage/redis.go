package stage

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
)

// Redis is a redis-server with two replicas, and a Sentinel beside each, every
// pair on a machine of its own.
type Redis struct {
	stage *Stage
	hosts []redisHost
}

// redisHost is one machine: what listens there, and where the others reach it.
type redisHost struct {
	host                           int
	addr, wire                     string
	sentinelAddr, sentinelWire     string
	server                         *Process
	wirePort, sentinelWirePort     int
	serverListen, sentinelListenAt int
}

// RedisPlan says how Redis is to be started.
type RedisPlan struct {
	Port    int
	Network *Network
	// DownAfter is the time that a Sentinel waits for an answer before a master counts as gone.
	DownAfter time.Duration
	// MinReplicas is min-replicas-to-write, with a lag of at most a second; 0: Redis's default, off.
	MinReplicas int
}

// masterName is the Sentinels' name for the master.
const masterName = "kv"

// StartRedis starts all six processes and waits until the replicas are in sync
// and the Sentinels know each other.
func (s *Stage) StartRedis(ctx context.Context, plan RedisPlan) (*Redis, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, fmt.Errorf("redis-server is needed (Debian: apt-get install redis-server; macOS: brew install redis): %w", err)
	}
	r := &Redis{stage: s}
	for i := range NodeCount {
		h, err := plan.host(i)
		if err != nil {
			return nil, err
		}
		r.hosts = append(r.hosts, h)
	}
	for i := range r.hosts {
		if err := r.startServer(plan, &r.hosts[i]); err != nil {
			return nil, err
		}
	}
	if err := s.await(ctx, "Redis's replicas to be in sync", func() bool { return r.inSync(r.hosts[0].wire) }); err != nil {
		return nil, err
	}
	for _, h := range r.hosts {
		if err := r.startSentinel(plan, h); err != nil {
			return nil, err
		}
	}
	return r, s.await(ctx, "the Sentinels to know each other", r.sentinelsKnow)
}

func (p RedisPlan) host(i int) (redisHost, error) {
	h := redisHost{
		host:         i + 1,
		serverListen: p.Port + i, wirePort: p.Port + clientWireOffset + i,
		sentinelListenAt: p.Port + sentinelOffset + i, sentinelWirePort: p.Port + sentinelWireOffset + i,
	}
	at := func(port int) string { return net.JoinHostPort(HostIP(h.host).String(), strconv.Itoa(port)) }
	h.addr, h.sentinelAddr = at(h.serverListen), at(h.sentinelListenAt)
	var err error
	if h.wire, err = p.Network.Expose(h.host, h.wirePort, h.addr); err != nil {
		return h, err
	}
	h.sentinelWire, err = p.Network.Expose(h.host, h.sentinelWirePort, h.sentinelAddr)
	return h, err
}

// configure writes a configuration file in a folder of its own: Redis and
// Sentinel both write to theirs.
func (r *Redis) configure(name string, lines []string) (file string, err error) {
	dir := filepath.Join(r.stage.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("configure %s: %w", name, err)
	}
	file = filepath.Join(dir, "redis.conf")
	text := strings.Join(append(lines, "dir "+dir), "\n") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("configure %s: %w", name, err)
	}
	return file, nil
}

func (r *Redis) startServer(plan RedisPlan, h *redisHost) error {
	ip := HostIP(h.host).String()
	lines := []string{
		"port " + strconv.Itoa(h.serverListen), "bind " + ip, "bind-source-addr " + ip, "protected-mode no",
		"replica-announce-ip " + ip, "replica-announce-port " + strconv.Itoa(h.wirePort),
		`save ""`, "appendonly yes", "appendfsync always",
		"repl-diskless-sync-delay 0", // only the start is quicker by it
	}
	if plan.MinReplicas > 0 {
		lines = append(lines, "min-replicas-to-write "+strconv.Itoa(plan.MinReplicas), "min-replicas-max-lag 1")
	}
	if h.host > 1 {
		lines = append(lines, fmt.Sprintf("replicaof %v %d", HostIP(1), r.hosts[0].wirePort))
	}
	name := "redis" + strconv.Itoa(h.host)
	file, err := r.configure(name, lines)
	if err != nil {
		return err
	}
	h.server, err = r.stage.Run(name, "redis-server", file)
	return err
}

func (r *Redis) startSentinel(plan RedisPlan, h redisHost) error {
	ip := HostIP(h.host).String()
	name := "sentinel" + strconv.Itoa(h.host)
	file, err := r.configure(name, []string{
		"port " + strconv.Itoa(h.sentinelListenAt), "bind " + ip, "bind-source-addr " + ip, "protected-mode no",
		"sentinel announce-ip " + ip, "sentinel announce-port " + strconv.Itoa(h.sentinelWirePort),
		fmt.Sprintf("sentinel monitor %s %v %d 2", masterName, HostIP(1), r.hosts[0].wirePort),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, plan.DownAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s 10000", masterName),
		fmt.Sprintf("sentinel parallel-syncs %s 2", masterName),
	})
	if err != nil {
		return err
	}
	_, err = r.stage.Run(name, "redis-server", file, "--sentinel")
	return err
}

// ask sends one command on a connection of its own.
func ask(from int, addr string, words ...string) (texts []string, err error) {
	conn := client.Conn{Addr: addr, Within: lookWithin, From: HostIP(from)}
	defer conn.Close()
	answer, err := conn.Do(words...)
	if err != nil {
		return nil, err
	}
	if answer.IsError() {
		return nil, fmt.Errorf("%s: %s", addr, answer.Bytes)
	}
	if answer.Elems == nil {
		return []string{string(answer.Bytes)}, nil
	}
	for _, e := range answer.Elems {
		texts = append(texts, string(e.Bytes))
	}
	return texts, nil
}

// Master asks the Sentinels, a machine's own first, for the master, as clients
// on that machine do; "" if none answers.
func (r *Redis) Master(from int) string {
	for i := range r.hosts {
		h := r.hosts[(from-1+i)%len(r.hosts)]
		if answer, err := ask(from, h.sentinelWire, "SENTINEL", "get-master-addr-by-name", masterName); err == nil && len(answer) == 2 {
			return net.JoinHostPort(answer[0], answer[1])
		}
	}
	return ""
}

// MasterHost is the machine of the master that all Sentinels agree on, 0 if they do not.
func (r *Redis) MasterHost() int {
	agreed := ""
	for i, h := range r.hosts {
		answer, err := ask(h.host, h.sentinelAddr, "SENTINEL", "get-master-addr-by-name", masterName)
		if err != nil || len(answer) != 2 {
			return 0
		}
		addr := net.JoinHostPort(answer[0], answer[1])
		if i > 0 && addr != agreed {
			return 0
		}
		agreed = addr
	}
	for _, h := range r.hosts {
		if h.wire == agreed {
			return h.host
		}
	}
	return 0
}

// Kill kills a machine's redis-server as kill -9 does; its Sentinel lives.
func (r *Redis) Kill(host int) { r.hosts[host-1].server.Kill() }

// Start starts it again.
func (r *Redis) Start(host int) error { return r.hosts[host-1].server.Start() }

// Settled reports whether the Sentinels agree on a master whose replicas are all in sync.
func (r *Redis) Settled() bool {
	host := r.MasterHost()
	return host > 0 && r.inSync(r.hosts[host-1].wire)
}

// inSync reports whether a master is one, and all others replicate it.
func (r *Redis) inSync(master string) bool {
	for _, h := range r.hosts {
		info, err := ask(h.host, h.addr, "INFO", "replication")
		if err != nil {
			return false
		}
		field := infoFields(info[0])
		following := net.JoinHostPort(field["master_host"], field["master_port"])
		switch {
		case h.wire == master && (field["role"] != "master" || field["connected_slaves"] != strconv.Itoa(NodeCount-1)):
			return false
		case h.wire != master && (field["role"] != "slave" || field["master_link_status"] != "up" || following != master):
			return false
		}
	}
	return true
}

func (r *Redis) sentinelsKnow() bool {
	for _, h := range r.hosts {
		info, err := ask(h.host, h.sentinelAddr, "INFO", "sentinel")
		if err != nil || !strings.Contains(info[0], fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=%d", r.hosts[0].wire, NodeCount-1, NodeCount)) {
			return false
		}
	}
	return true
}

// infoFields reads what INFO answers.
func infoFields(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}
