package resp

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Collector reports the clients' metrics to Prometheus, from the same counters as INFO.
func (s *Server) Collector() prometheus.Collector {
	return &collector{
		server:     s,
		clients:    desc("clients", "Connected clients."),
		accepted:   desc("connections_total", "Connections accepted or refused."),
		refused:    desc("connections_refused_total", "Connections refused for maxclients."),
		stalled:    desc("clients_stalled_total", "Clients disconnected for not reading their replies."),
		input:      desc("input_bytes_total", "Bytes read from clients."),
		output:     desc("output_bytes_total", "Bytes written to clients."),
		commands:   desc("commands_total", "Commands that ran, by name.", "command"),
		failures:   desc("command_failures_total", "Commands that ran and answered an error, by name.", "command"),
		rejections: desc("command_rejections_total", "Commands refused before they ran, by name.", "command"),
		errors:     desc("error_replies_total", "Error replies, by code.", "code"),
		latency:    desc("latency_seconds", "Time from planning commands of one pipeline to their replies.", "route"),
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kvorum_resp_"+name, help, labels, nil)
}

type collector struct {
	server                                 *Server
	clients, accepted, refused, stalled    *prometheus.Desc
	input, output                          *prometheus.Desc
	commands, failures, rejections, errors *prometheus.Desc
	latency                                *prometheus.Desc
}

func (c *collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s, t := c.server, &c.server.stats
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s.mu.Lock()
	gauge(c.clients, float64(len(s.clients)))
	s.mu.Unlock()
	counter(c.accepted, t.connections.Load())
	counter(c.refused, t.refusedConnections.Load())
	counter(c.stalled, t.outputLimited.Load())
	counter(c.input, t.inputBytes.Load())
	counter(c.output, t.outputBytes.Load())
	for row, n := range *t.commands.Load() {
		counter(c.commands, n.calls.Load(), row.Name)
		counter(c.failures, n.failed.Load(), row.Name)
		counter(c.rejections, n.rejected.Load(), row.Name)
	}
	for code, n := range *t.errors.Load() {
		counter(c.errors, n.Load(), code)
	}
	for route, h := range map[string]*histogram{"read": &t.readLatency, "write": &t.writeLatency} {
		atMost, count, sum := h.buckets()
		out <- prometheus.MustNewConstHistogram(c.latency, count, sum, atMost, route)
	}
}
