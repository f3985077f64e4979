package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Status is what a server says of itself at /status, as JSON.
type Status struct {
	ID      string `json:"id"`
	Server  string `json:"server"` // id@incarnation
	Cluster string `json:"cluster"`
	Ready   bool   `json:"ready"`
	Reason  string `json:"reason,omitempty"` // why it is not ready
	Leading bool   `json:"leading"`
	Leader  string `json:"leader"` // id@incarnation, "" when none is known
	Term    uint64 `json:"term"`
	Members []Seat `json:"members,omitempty"`
}

// Seat is a member as this server's newest configuration has it.
type Seat struct {
	Server string `json:"server"` // id@incarnation
	Voter  bool   `json:"voter"`
}

// httpServer answers health checks and metrics. It is opened before the first
// start, so that whoever waits for this node learns why it is not ready.
type httpServer struct{ server http.Server }

func openHTTP(listener net.Listener, of *Server, metrics *prometheus.Registry) *httpServer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", of.answerHealth)
	mux.HandleFunc("GET /readyz", of.answerReady)
	mux.HandleFunc("GET /status", of.answerStatus)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	h := &httpServer{http.Server{
		Handler: mux, ReadHeaderTimeout: httpHeaderWithin, WriteTimeout: httpAnswerWithin, MaxHeaderBytes: httpHeaderBytesMax,
		IdleTimeout: httpIdleWithin, ConnState: bounded(httpConnectionsMax),
	}}
	go func() {
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			of.fail(fmt.Errorf("serve HTTP: %w", err))
		}
	}()
	return h
}

// bounded closes each connection beyond a number of them.
func bounded(connections int64) func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > connections {
				conn.Close() // which ends in StateClosed, as any other
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
}

// close ends the port; questions under way are answered until ctx ends.
func (h *httpServer) close(ctx context.Context) error {
	if err := h.server.Shutdown(ctx); err != nil {
		return errors.Join(err, h.server.Close())
	}
	return nil
}

// answerHealth says that the process lives; a server whose invariants are
// broken is about to end.
func (s *Server) answerHealth(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "alive")
}

func (s *Server) answerReady(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	status := s.Status()
	fmt.Fprintf(w, "ready: %s in term %d, leader %s\n", status.ID, status.Term, status.Leader)
}

func (s *Server) answerStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.Status()) // the asker has gone
}
