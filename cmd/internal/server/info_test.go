package server_test

import (
	"regexp"
	"strings"
	"testing"
)

// What exporters read of INFO is there, and says what the node's clients did.
func TestInfoTellsWhatExportersRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.startAll()
	_, follower := c.leader()
	client := c.dial(follower)
	for _, line := range []string{"SET k v", "GET k", "GET none", "SET gone v PX 1", "GETSET k w", "CONFIG SET latency-tracking-info-percentiles \"50 99.9\""} {
		client.do(t, line)
	}
	c.eventually("the key has expired", func() error { return says(client.do(t, "INFO stats"), `expired_keys:1\b`) })
	for section, lines := range map[string][]string{
		"stats":        {`keyspace_hits:2\b`, `keyspace_misses:1\b`, `sync_full:0\b`, `evicted_keys:0\b`},
		"latencystats": {`latency_percentiles_usec_get:p50=\d+\.000,p99\.9=\d+\.000`, `latency_percentiles_usec_config\|set:`},
	} {
		info := client.do(t, "INFO "+section)
		for _, line := range lines {
			if err := says(info, line); err != nil {
				t.Error(err)
			}
		}
	}
	_, metrics := get(t, "http://"+c.health[follower]+"/metrics")
	for _, line := range []string{"kvorum_keyspace_hits_total 2\n", "kvorum_keyspace_misses_total 1\n", "kvorum_expired_keys_total 1\n", "kvorum_snapshots_sent_total 0\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %q", line)
		}
	}
	client.do(t, "CONFIG RESETSTAT")
	if err := says(client.do(t, "INFO stats"), `keyspace_hits:0\b`); err != nil {
		t.Error(err)
	}
}

func says(info, line string) error {
	if !regexp.MustCompile(line).MatchString(info) {
		return &missing{line, info}
	}
	return nil
}

// missing is a line that INFO lacks.
type missing struct{ line, info string }

func (m *missing) Error() string { return "INFO lacks " + m.line + ": " + m.info }
