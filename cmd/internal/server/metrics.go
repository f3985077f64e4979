package server

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kvorum/kvorum/fsm"
	"github.com/kvorum/kvorum/fsm/member"
)

// newRegistry creates the registry of this server's metrics. The global registry is
// not used.
func (s *Server) newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kvorum_build_info", Help: "Always 1; what was built.",
		ConstLabels: prometheus.Labels{"version": s.cfg.Version, "go": runtime.Version(), "server": s.identity.Server},
	})
	build.Set(1)
	registry.MustRegister(
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{s},
	)
	return registry
}

// collector reads the figures at each scrape, from where they are counted anyway.
type collector struct{ server *Server }

// figure is one metric without labels.
type figure struct {
	name, help string
	counter    bool
	value      float64
}

// Describe implements prometheus.Collector. It describes nothing, because the set of
// metrics depends on what has been opened.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	emit(out, figure{"kvorum_ready", "1 while this node is ready: its reads are confirmed, and it is less than a second behind.", false, truth(c.server.Ready() == nil)})
	emit(out, figure{"kvorum_log_lines_dropped_total", "Lines of this node's log that were dropped, since their reader did not keep up.",
		true, float64(c.server.cfg.LogLinesDropped())})
	emit(out, figure{"kvorum_peer_connections_displaced_total",
		"Connections to the peer port that made room for others, since they had said nothing for longest.",
		true, float64(c.server.service.PeersDisplaced())})
	if c.server.clients != nil {
		c.server.clients.Collector().Collect(out)
	}
	m := c.server.member.Load()
	if m == nil {
		return
	}
	for _, f := range m.raftFigures() {
		emit(out, f)
	}
	for _, f := range m.machineFigures(c.server.identity.Server) {
		emit(out, f)
	}
	c.peers(out, m)
}

// emit sends one figure. labels alternates names and values.
func emit(out chan<- prometheus.Metric, f figure, labels ...string) {
	kind := prometheus.GaugeValue
	if f.counter {
		kind = prometheus.CounterValue
	}
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(f.name, f.help, names, nil), kind, f.value, values...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// raftFigures returns what the node knows of Raft, its snapshots and its comparisons.
func (m *seatedNode) raftFigures() []figure {
	s, n := m.node.Status(), m.node.Counts()
	taken := 0.0
	if !s.Snapshots.TakenAt.IsZero() {
		taken = float64(s.Snapshots.TakenAt.Unix())
	}
	return []figure{
		{"kvorum_raft_term", "The current term.", false, float64(s.Term)},
		{"kvorum_raft_leading", "1 on the node that leads and has applied an entry of its term.", false, truth(m.node.IsLeader())},
		{"kvorum_raft_has_leader", "1 when a leader is known.", false, truth(s.Leader != "")},
		{"kvorum_raft_last_index", "Index of the last entry of the log.", false, float64(s.LastIndex)},
		{"kvorum_raft_commit_index", "Index of the last entry known to be committed.", false, float64(s.CommitIndex)},
		{"kvorum_raft_applied_index", "Index of the machine.", false, float64(s.AppliedIndex)},
		{"kvorum_applied_entries_total", "Entries that this process has applied.", true, float64(s.Applied)},
		{"kvorum_applied_bytes_total", "Bytes of the entries that this process has applied.", true, float64(s.AppliedBytes)},
		{"kvorum_failed", "1 while a node ends that cannot go on: /readyz and its log say why.", false, truth(m.node.Err() != nil)},
		{"kvorum_keyspace_hits_total", "Keys that this node's clients looked up and found.", true, float64(n.Hits)},
		{"kvorum_keyspace_misses_total", "Keys that this node's clients looked up and did not find.", true, float64(n.Misses)},
		{"kvorum_expired_keys_total", "Keys that this process has removed because they expired.", true, float64(n.Expired)},
		{"kvorum_snapshots_sent_total", "Snapshots that this process has sent to followers as leader.", true, float64(n.SnapshotsSent)},
		{"kvorum_diverged", "1 when a majority of the nodes has other data than this one, which serves no clients.", false, truth(s.Alarm.Diverged)},
		{"kvorum_split", "1 when the nodes have different data and no majority agrees: nothing is read or written.", false, truth(s.Alarm.Split)},
		{"kvorum_digest_captured_index", "The newest index at which the nodes' machines are compared.", false, float64(s.Alarm.Captured)},
		{"kvorum_digest_agreed_index", "The newest index at which a majority agreed with this node.", false, float64(s.Alarm.Agreed)},
		{"kvorum_digest_comparisons_total", "Comparisons that came to a result.", true, float64(s.Alarm.Comparisons)},
		{"kvorum_snapshot_index", "Index of the newest snapshot.", false, float64(s.Snapshots.Index)},
		{"kvorum_snapshot_capture_seconds", "How long the last snapshot's capture held the machine.", false, s.Snapshots.Capture.Seconds()},
		{"kvorum_snapshots_total", "Snapshots that this process has taken.", true, float64(s.Snapshots.Taken)},
		{"kvorum_snapshot_failures_total", "Snapshots that failed.", true, float64(s.Snapshots.Failed)},
		{"kvorum_snapshots_damaged_total", "Snapshots that could not be read any more, and were set aside or replaced.", true, float64(s.Snapshots.Damaged)},
		{"kvorum_snapshots_restored_total", "Snapshots restored, at the start and from leaders.", true, float64(s.Snapshots.Restored)},
		{"kvorum_snapshots_installed_total", "Snapshots that leaders have sent to this process.", true, float64(s.Snapshots.Installed)},
		{"kvorum_snapshots_installed_again_total", "Of those, the ones that followed another soon: this node does not catch up.", true, float64(s.Snapshots.InstalledAgain)},
		{"kvorum_snapshot_running", "1 while a snapshot is being written.", false, truth(s.Snapshots.Running)},
		{"kvorum_snapshot_taken_seconds", "When this process last took a snapshot, in Unix time.", false, taken},
		{"kvorum_snapshot_took_seconds", "How long that took.", false, s.Snapshots.LastTook.Seconds()},
	}
}

// machineFigures returns what the machine knows of its keys and of this server's session.
func (m *seatedNode) machineFigures(server string) []figure {
	var objects, deadlines int
	var clock int64
	var last, acked uint64
	m.node.View(func(machine *fsm.Machine) {
		for _, db := range machine.Databases() {
			objects += db.Objects
			deadlines += db.Deadlines
		}
		clock = machine.ClockMS()
		if session, ok := machine.Session(server); ok {
			last, acked = session.Last, session.Acked
		}
	})
	return []figure{
		{"kvorum_keys", "Keys in all databases.", false, float64(objects)},
		{"kvorum_keys_with_deadline", "Keys that expire.", false, float64(deadlines)},
		{"kvorum_machine_clock_seconds", "The machine's clock, in Unix time.", false, float64(clock) / 1000},
		{"kvorum_command_panics_total", "Commands that panicked.", true, float64(m.node.Panics())},
		{"kvorum_session_last_number", "The last batch of this process that was applied.", false, float64(last)},
		{"kvorum_session_acked_number", "The batch up to which this process has its replies.", false, float64(acked)},
	}
}

// peers emits what this server last learned about each of the others.
func (c *collector) peers(out chan<- prometheus.Metric, m *seatedNode) {
	for _, s := range m.node.Servers() {
		h, ok := c.server.service.Health(s.ID)
		if !ok {
			continue
		}
		id := member.ID(s.ID)
		emit(out, figure{"kvorum_peer_reachable", "1 when the server answered the last question.", false, truth(h.Reachable)}, "peer", id)
		if !h.Reachable {
			continue
		}
		emit(out, figure{"kvorum_peer_rtt_seconds", "How long the last question took.", false, h.RTT.Seconds()}, "peer", id)
		emit(out, figure{"kvorum_peer_clock_skew_seconds", "The other wall clock minus ours, uncertain by half of the round trip.", false, h.Skew.Seconds()}, "peer", id)
		emit(out, figure{"kvorum_peer_stored_index", "Index of the last entry on its disk.", false, float64(h.State.Stored)}, "peer", id)
	}
}
