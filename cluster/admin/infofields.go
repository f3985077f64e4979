package admin

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/setting"
)

// RedisVersion is the version of Redis whose commands and replies Kvorum has. Clients choose their
// features by it.
const RedisVersion = "7.0.15"

// serverFields returns INFO server, without the fields that make sense only for Redis's build in C.
func (a *Admin) serverFields(context.Context) fields {
	uptime := a.Now().Sub(a.started)
	mode := "standalone"
	if a.Redirect {
		mode = "cluster"
	}
	executable, _ := os.Executable()
	return fields{
		{"redis_version", RedisVersion},
		{"kvorum_version", a.Version},
		{"redis_mode", mode},
		{"os", runtime.GOOS + " " + runtime.GOARCH},
		{"arch_bits", strconv.Itoa(strconv.IntSize)},
		{"go_version", runtime.Version()},
		{"process_id", strconv.Itoa(os.Getpid())},
		{"process_supervised", "no"},
		{"run_id", a.runID()},
		{"server_id", a.Server},
		{"tcp_port", strconv.Itoa(a.ClientPort)},
		{"server_time_usec", strconv.FormatInt(a.Now().UnixMicro(), 10)},
		{"uptime_in_seconds", strconv.FormatInt(int64(uptime/time.Second), 10)},
		{"uptime_in_days", strconv.FormatInt(int64(uptime/(24*time.Hour)), 10)},
		{"executable", executable},
		{"config_file", ""},
		{"io_threads_active", "0"},
	}
}

// runID names one run of one server, in 40 hexadecimal digits.
func (a *Admin) runID() string {
	return hexID(fmt.Sprintf("kvorum run %s %d", a.Server, a.Boot))
}

func hexID(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (a *Admin) clientsFields(context.Context) fields {
	return fields{{"maxclients", a.setting("maxclients")}}
}

// setting returns the present value of a setting, or "" if the table does not have it.
func (a *Admin) setting(name string) string {
	row := setting.Find(name)
	if row == nil {
		return ""
	}
	return a.value(row)
}

// persistenceFields returns INFO persistence. Snapshots appear in it as RDB files.
func (a *Admin) persistenceFields(context.Context) fields {
	s := a.Member.Status()
	loading, running, status, took := "1", "0", "ok", "-1"
	if s.Ready {
		loading = "0"
	}
	if s.Snapshot.Running {
		running = "1"
	}
	if s.Snapshot.Failed {
		status = "err"
	}
	if s.Snapshot.LastTook > 0 {
		took = strconv.FormatInt(int64(s.Snapshot.LastTook/time.Second), 10)
	}
	return fields{
		{"loading", loading},
		{"async_loading", "0"},
		{"rdb_changes_since_last_save", strconv.FormatUint(s.AppliedIndex-min(s.AppliedIndex, s.Snapshot.Index), 10)},
		{"rdb_bgsave_in_progress", running},
		{"rdb_last_save_time", strconv.FormatInt(a.lastSave(s).Unix(), 10)},
		{"rdb_last_bgsave_status", status},
		{"rdb_last_bgsave_time_sec", took},
		{"rdb_saves", strconv.FormatUint(s.Snapshot.Taken, 10)},
		{"aof_enabled", oneIf(a.setting("appendonly") == "yes")},
		{"aof_rewrite_in_progress", "0"},
		{"aof_rewrite_scheduled", "0"},
		{"aof_last_write_status", "ok"},
	}
}

func oneIf(truth bool) string {
	if truth {
		return "1"
	}
	return "0"
}

// statsFields returns the fields of INFO stats for features that Kvorum does not have.
func (a *Admin) statsFields(context.Context) fields {
	return fields{
		{"evicted_keys", "0"},
		{"evicted_clients", "0"},
		{"pubsub_channels", "0"},
		{"pubsub_patterns", "0"},
		{"latest_fork_usec", "0"},
		{"total_forks", "0"},
	}
}

// replicationFields describes leadership in Redis's words: the leader is the master, and its offset
// is a log index.
func (a *Admin) replicationFields(ctx context.Context) fields {
	s := a.Member.Status()
	var list fields
	offset := s.CommitIndex
	if s.Leading {
		list = a.masterFields(ctx)
	} else {
		offset = s.AppliedIndex
		list = a.replicaFields(s)
	}
	return append(list, fields{
		{"master_failover_state", a.failing.state()},
		{"master_replid", hexID("kvorum cluster " + a.Cluster)},
		{"master_replid2", "0000000000000000000000000000000000000000"},
		{"master_repl_offset", strconv.FormatUint(offset, 10)},
		{"second_repl_offset", "-1"},
	}...)
}

// masterFields returns the part of INFO replication that only the leader shows.
func (a *Admin) masterFields(ctx context.Context) fields {
	var online fields
	for _, r := range a.replicas(ctx) {
		if !r.known {
			continue
		}
		host, port := splitAddr(r.server.ClientAddr)
		online = append(online, [2]string{"slave" + strconv.Itoa(len(online)),
			fmt.Sprintf("ip=%s,port=%d,state=online,offset=%d,lag=0", host, port, r.stored)})
	}
	return append(fields{{"role", "master"}, {"connected_slaves", strconv.Itoa(len(online))}}, online...)
}

// replicaFields returns the part of INFO replication that only the other nodes show.
func (a *Admin) replicaFields(s Status) fields {
	host, port := splitAddr(a.clientAddr(s.Leader))
	link := "down"
	if s.Leader != "" && s.Ready {
		link = "up"
	}
	contact := "-1"
	if s.LastContact >= 0 {
		contact = strconv.FormatInt(int64(s.LastContact/time.Second), 10)
	}
	list := fields{
		{"role", "slave"},
		{"master_host", host},
		{"master_port", strconv.Itoa(port)},
		{"master_link_status", link},
		{"master_last_io_seconds_ago", contact},
		{"master_sync_in_progress", oneIf(s.Leader != "" && !s.Ready)},
		{"slave_read_repl_offset", strconv.FormatUint(s.LastIndex, 10)},
		{"slave_repl_offset", strconv.FormatUint(s.AppliedIndex, 10)},
	}
	if link == "down" {
		list = append(list, [2]string{"master_link_down_since_seconds", contact})
	}
	return append(list, fields{
		{"slave_read_only", oneIf(a.Redirect)},
		{"replica_announced", "1"},
		{"connected_slaves", "0"},
	}...)
}

// clusterFields says that CLUSTER commands are answered, which redis-cli --cluster and cluster
// clients check. They are answered in both modes; redis_mode tells whether clients are redirected.
func (a *Admin) clusterFields(context.Context) fields {
	return fields{{"cluster_enabled", oneIf(a.setting("cluster-enabled") == "yes")}}
}

// raftFields returns INFO raft.
func (a *Admin) raftFields(context.Context) fields {
	s := a.Member.Status()
	voters := 0
	for _, server := range a.Roster.Servers() {
		if server.Voter {
			voters++
		}
	}
	return fields{
		{"raft_id", a.Server},
		{"raft_cluster", a.Cluster},
		{"raft_state", s.State},
		{"raft_ready", oneIf(s.Ready)},
		{"raft_term", strconv.FormatUint(s.Term, 10)},
		{"raft_leader", s.Leader},
		{"raft_leader_id", member.ID(s.Leader)},
		{"raft_leader_addr", a.clientAddr(s.Leader)},
		{"raft_last_contact_ms", strconv.FormatInt(max(-1, s.LastContact.Milliseconds()), 10)},
		{"raft_last_log_index", strconv.FormatUint(s.LastIndex, 10)},
		{"raft_last_log_term", strconv.FormatUint(s.LastTerm, 10)},
		{"raft_commit_index", strconv.FormatUint(s.CommitIndex, 10)},
		{"raft_applied_index", strconv.FormatUint(s.AppliedIndex, 10)},
		{"raft_snapshot_index", strconv.FormatUint(s.Snapshot.Index, 10)},
		{"raft_snapshots_installed", strconv.FormatUint(s.Snapshot.Installed, 10)},
		{"raft_snapshots_installed_again", strconv.FormatUint(s.Snapshot.Again, 10)},
		{"raft_command_panics", strconv.FormatUint(s.Panics, 10)},
		{"raft_divergence", s.Alarm.State},
		{"raft_divergence_reason", oneLine(s.Alarm.Reason)},
		{"raft_digest_captured_index", strconv.FormatUint(s.Alarm.Captured, 10)},
		{"raft_digest_agreed_index", strconv.FormatUint(s.Alarm.Agreed, 10)},
		{"raft_digest_comparisons", strconv.FormatUint(s.Alarm.Comparisons, 10)},
		{"raft_log_store", a.LogStore},
		{"raft_servers", strconv.Itoa(len(a.Roster.Servers()))},
		{"raft_voters", strconv.Itoa(voters)},
	}
}

func (a *Admin) keyspaceFields(context.Context) fields {
	var list fields
	for _, db := range a.Member.Databases() {
		list = append(list, [2]string{"db" + strconv.Itoa(db.Number),
			fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", db.Keys, db.Expires, db.MeanTTLMS)})
	}
	return list
}
