package resp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/setting"
)

// InfoFields returns the fields that the clients contribute to a section of INFO, in Redis's order.
// It returns nil for sections to which they contribute nothing.
func (s *Server) InfoFields(section string) [][2]string {
	switch section {
	case "clients":
		return s.clientFields()
	case "stats":
		return s.statsFields()
	case "commandstats":
		return s.commandFields()
	case "errorstats":
		return s.errorFields()
	case "latencystats":
		return s.latencyFields()
	}
	return nil
}

// clientFields returns the fields of INFO clients.
func (s *Server) clientFields() [][2]string {
	clients := s.everyone()
	var input, output int64
	for _, c := range clients {
		input = max(input, c.input.held.Load())
		output = max(output, c.shown.pending.Load())
	}
	return [][2]string{
		field("connected_clients", int64(len(clients))),
		field("cluster_connections", 0),
		field("maxclients", s.settings.maxClients.Load()),
		field("client_recent_max_input_buffer", input),
		field("client_recent_max_output_buffer", output),
		field("blocked_clients", s.inState(blocked)),
		field("tracking_clients", 0),
		field("clients_in_timeout_table", 0),
	}
}

// statsFields returns the clients' fields of INFO stats.
func (s *Server) statsFields() [][2]string {
	t := &s.stats
	return [][2]string{
		field("total_connections_received", int64(t.connections.Load())),
		field("total_commands_processed", int64(t.commandCount.Load())),
		field("instantaneous_ops_per_sec", int64(t.rates.commands.Load()/100)),
		field("total_net_input_bytes", int64(t.inputBytes.Load())),
		field("total_net_output_bytes", int64(t.outputBytes.Load())),
		{"instantaneous_input_kbps", hundredths(t.rates.inputKB.Load())},
		{"instantaneous_output_kbps", hundredths(t.rates.outputKB.Load())},
		field("rejected_connections", int64(t.refusedConnections.Load())),
		field("total_error_replies", int64(t.errorCount.Load())),
		field("total_reads_processed", int64(t.reads.Load())),
		field("total_writes_processed", int64(t.writes.Load())),
	}
}

// commandFields returns one field for each command that was called, sorted by name.
func (s *Server) commandFields() [][2]string {
	var fields [][2]string
	counted := *s.stats.commands.Load()
	for _, row := range slices.SortedFunc(maps.Keys(counted), byName) {
		c := counted[row]
		calls, micros := c.calls.Load(), c.ns.Load()/1000
		each := 0.0
		if calls > 0 {
			each = float64(c.ns.Load()) / 1000 / float64(calls)
		}
		fields = append(fields, [2]string{"cmdstat_" + row.Name,
			fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
				calls, micros, each, c.rejected.Load(), c.failed.Load())})
	}
	return fields
}

// latencyFields returns the latency percentiles of each timed command in microseconds, sorted by
// name. Commands that ran together share their time equally, as in commandstats.
func (s *Server) latencyFields() [][2]string {
	if s.stats.untimed.Load() {
		return nil
	}
	var fields [][2]string
	counted := *s.stats.commands.Load()
	for _, row := range slices.SortedFunc(maps.Keys(counted), byName) {
		latency := &counted[row].latency
		if latency.total() == 0 {
			continue
		}
		var values []string
		for _, percent := range *s.settings.percentiles.Load() {
			values = append(values, fmt.Sprintf("p%s=%d.000", setting.Decimal(percent), latency.percentile(percent)))
		}
		fields = append(fields, [2]string{"latency_percentiles_usec_" + row.Name, strings.Join(values, ",")})
	}
	return fields
}

func byName(a, b *command.Command) int { return cmp.Compare(a.Name, b.Name) }

// errorFields returns one field for each error code, sorted by code.
func (s *Server) errorFields() [][2]string {
	var fields [][2]string
	counted := *s.stats.errors.Load()
	for _, code := range slices.Sorted(maps.Keys(counted)) {
		fields = append(fields, [2]string{"errorstat_" + code, fmt.Sprintf("count=%d", counted[code].Load())})
	}
	return fields
}

func field(name string, n int64) [2]string { return [2]string{name, strconv.FormatInt(n, 10)} }

func hundredths(n uint64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
