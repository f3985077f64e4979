package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/raft"

	"github.com/kvorum/kvorum/cluster"
	"github.com/kvorum/kvorum/cluster/admin"
	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/setting"
	"github.com/kvorum/kvorum/node"
	"github.com/kvorum/kvorum/transport/resp"
)

// administered adapts the node to its administration. It implements admin.Member and
// admin.Settings.
type administered struct {
	*node.Node
	server *Server
}

// Status implements admin.Member.
func (a administered) Status() admin.Status {
	s := a.Node.Status()
	status := admin.Status{
		State: stateName(s.State), Leading: a.IsLeader(),
		Leader: s.Leader, Term: s.Term,
		LastIndex: s.LastIndex, LastTerm: s.LastTerm, CommitIndex: s.CommitIndex, LastContact: -1, Panics: a.Panics(),
		Snapshot: admin.SnapshotStatus{
			Index: s.Snapshots.Index, TakenAt: s.Snapshots.TakenAt, Running: s.Snapshots.Running,
			Failed: s.Snapshots.Failing, LastTook: s.Snapshots.LastTook, Taken: s.Snapshots.Taken,
			Installed: s.Snapshots.Installed, Again: s.Snapshots.InstalledAgain,
		},
		Alarm: admin.AlarmStatus{
			State: alarmState(s.Alarm), Reason: s.Alarm.Reason,
			Captured: s.Alarm.Captured, Agreed: s.Alarm.Agreed, Comparisons: s.Alarm.Comparisons,
		},
	}
	if err := a.server.Ready(); err != nil {
		status.Unready = err.Error()
	} else {
		status.Ready = true
	}
	switch {
	case s.State == raft.Leader:
		status.LastContact = 0
	case !s.LastContact.IsZero():
		status.LastContact = time.Since(s.LastContact)
	}
	a.View(func(m *fsm.Machine) { status.AppliedIndex, status.Hash = m.Index(), m.Hash() })
	return status
}

func alarmState(s node.AlarmStatus) string {
	switch {
	case s.Diverged:
		return "diverged"
	case s.Split:
		return "split"
	}
	return "none"
}

func stateName(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Candidate:
		return "candidate"
	case raft.Shutdown:
		return "shutdown"
	}
	return "follower"
}

// Snapshot implements admin.Member.
func (a administered) Snapshot(ctx context.Context) error { return within(ctx, a.Node.Snapshot) }

// within runs change and waits for it until ctx ends. The change itself is not
// cancelled; it ends with the node at the latest.
func within(ctx context.Context, change func() error) error {
	done := make(chan error, 1)
	go func() { done <- change() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stall holds the machine's read lock for d. Nothing is applied meanwhile, and once
// an entry waits for the lock, nothing is read either.
func (a administered) Stall(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	a.View(func(*fsm.Machine) {
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	})
}

// Databases implements admin.Member. It leaves out empty databases.
func (a administered) Databases() []admin.Database {
	var counted []admin.Database
	a.View(func(m *fsm.Machine) {
		for number, db := range m.Databases() {
			if db.Objects > 0 {
				counted = append(counted, admin.Database{Number: number, Keys: db.Objects, Expires: db.Deadlines, MeanTTLMS: db.MeanTTLMS})
			}
		}
	})
	return counted
}

// Setting implements admin.Settings.
func (a administered) Setting(name string) (value string, ok bool) {
	a.View(func(m *fsm.Machine) { value, ok = m.Settings().Get(name) })
	return value, ok
}

// roster implements admin.Roster from the node's configuration and the service's
// health checks.
type roster struct {
	node    *node.Node
	service *cluster.Service
}

// Servers implements admin.Roster.
func (r roster) Servers() []admin.Server {
	var servers []admin.Server
	for _, s := range r.node.Servers() {
		// A server that has not been asked yet counts as reachable until a question fails.
		known := admin.Server{Server: s, ClientAddr: r.node.ClientAddr(s.ID), Reachable: true}
		if h, ok := r.service.Health(s.ID); ok {
			known.Reachable, known.NeverLeads = h.Reachable, h.State.NeverLeads
			known.Heard, known.RTT, known.Skew = h.Reachable, h.RTT, h.Skew
		}
		if s.ID == r.service.Server() {
			known.NeverLeads = r.node.NeverLeads()
		}
		servers = append(servers, known)
	}
	return servers
}

func (r roster) Stored(ctx context.Context, server string) (uint64, error) {
	return r.service.Stored(ctx, server)
}

func (r roster) Links() []admin.Link {
	var links []admin.Link
	for _, l := range r.service.Links() {
		links = append(links, admin.Link(l))
	}
	return links
}

// tuner implements admin.Tuner: it applies the settings that this node keeps for itself.
type tuner struct {
	node    *node.Node
	disk    Disk
	clients *resp.Server
	level   *slog.LevelVar
	fitting int // how many clients there are descriptors for; 0: any number
}

// Tune implements admin.Tuner.
func (t tuner) Tune(name, value string) error {
	switch name {
	case "requirepass":
		t.clients.SetPassword(value)
	case "loglevel":
		t.level.Set(slogLevel(value))
	case setting.UpgradeHold:
		if hold, remembers := t.disk.(holding); remembers {
			return hold.HoldUpgrade(value == "yes")
		}
		return errors.New("this node has no directory that could remember it")
	case "latency-tracking":
		t.clients.SetLatencyTracking(value == "yes")
	case setting.LatencyPercentiles:
		t.clients.SetLatencyPercentiles(setting.PercentilesOf(value))
	case "never-lead":
		t.node.SetNeverLead(value == "yes")
	case "client-output-buffer-limit":
		limit, _ := setting.BufferLimitOf(value, "normal")
		t.clients.SetOutputLimit(resp.OutputLimit{
			Hard: limit.HardBytes, Soft: limit.SoftBytes, SoftTime: span(limit.SoftSeconds, time.Second),
		})
	default:
		return t.tuneNumber(name, value)
	}
	return nil
}

// span returns n units of time, or the longest Duration if that overflows.
func span(n int64, unit time.Duration) time.Duration {
	if n > int64(math.MaxInt64/unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}

// tuneNumber applies a setting whose value is an integer.
func (t tuner) tuneNumber(name, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	switch name {
	case "maxclients":
		if err := t.fits(n); err != nil {
			return err
		}
		t.clients.SetMaxClients(int(n))
	case "timeout":
		t.clients.SetTimeout(span(n, time.Second))
	case "tcp-keepalive":
		t.clients.SetKeepAlive(span(n, time.Second))
	case "stale-read-max":
		t.node.SetStaleReadMax(span(n, time.Millisecond))
	case "client-query-buffer-limit":
		t.clients.SetCommandBytes(n)
	default:
		return fmt.Errorf("set %s: nothing obeys it", name)
	}
	return nil
}

// slogLevel converts a Redis log level to slog's.
func slogLevel(name string) slog.Level {
	switch name {
	case "debug", "verbose":
		return slog.LevelDebug
	case "warning":
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// redisLevel converts a slog level to Redis's name for it.
func redisLevel(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level > slog.LevelInfo:
		return "warning"
	}
	return "notice"
}

// counted shows the node's counters as fields of INFO. It implements admin.Statistics.
type counted struct{ *node.Node }

// InfoFields implements admin.Statistics.
func (c counted) InfoFields(section string) [][2]string {
	if section != "stats" {
		return nil
	}
	n := c.Counts()
	return [][2]string{
		{"sync_full", strconv.FormatUint(n.SnapshotsSent, 10)},
		{"expired_keys", strconv.FormatUint(n.Expired, 10)},
		{"keyspace_hits", strconv.FormatUint(n.Hits, 10)},
		{"keyspace_misses", strconv.FormatUint(n.Misses, 10)},
	}
}

func (c counted) ResetStats() { c.ResetCounts() }

// newAdmin builds the administration of a running member.
func (s *Server) newAdmin(n *node.Node, clusterID string) *admin.Admin {
	seen := administered{n, s}
	cfg := admin.Config{
		Server: s.identity.Server, Cluster: clusterID, Boot: s.boot, Version: s.cfg.Version,
		LogStore: s.cfg.LogStore, Redirect: s.cfg.Follower == Redirect,
		Now: s.env.Clock.Now, Executor: n, Member: seen, Roster: roster{n, s.service}, Members: s.service, Upgrader: s.service, Auditor: s.service,
		Settings: seen, Tuner: tuner{n, s.env.Disk, s.clients, s.cfg.LogLevel, s.cfg.clientsFitting()}, Process: process{s},
	}
	cfg.Statistics = []admin.Statistics{counted{n}}
	own := map[string]string{
		"requirepass": s.cfg.RequirePass, "dir": s.cfg.DataDir, "loglevel": redisLevel(s.cfg.LogLevel.Level()),
	}
	if s.cfg.StaleReadMax > 0 {
		n.SetStaleReadMax(s.cfg.StaleReadMax)
		own["stale-read-max"] = strconv.FormatInt(s.cfg.StaleReadMax.Milliseconds(), 10)
	}
	if s.cfg.NeverLead {
		own["never-lead"] = "yes"
	}
	if hold, remembers := s.env.Disk.(holding); remembers && hold.UpgradeHeld() {
		own[setting.UpgradeHold] = "yes"
	}
	if s.cfg.DebugCommands {
		own["enable-debug-command"] = "yes"
	}
	if s.clients != nil {
		host, port, _ := net.SplitHostPort(s.clientsAddr)
		own["bind"], own["port"] = host, port
		own["maxclients"] = strconv.Itoa(s.clients.MaxClients())
		cfg.ClientPort, _ = strconv.Atoi(port)
		cfg.Statistics = []admin.Statistics{s.clients, counted{n}}
	}
	return admin.New(cfg, own)
}

// process implements admin.Process.
type process struct{ server *Server }

func (p process) Shutdown(now bool) { p.server.shutDown(now) }
