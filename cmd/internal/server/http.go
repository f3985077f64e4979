package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kvorum/kvorum/internal/places"
)

// Status describes a server; /status returns it as JSON.
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

// Seat is one member of the newest configuration that this server knows.
type Seat struct {
	Server string `json:"server"` // id@incarnation
	Voter  bool   `json:"voter"`
}

// httpServer serves health checks and metrics. It opens before the node enters its
// cluster, so that whoever waits for the node learns why it is not ready. When the port
// is full, the connections that ask nothing make room for new ones.
type httpServer struct{ server http.Server }

// openHTTP starts to serve the health port of a server.
func openHTTP(listener net.Listener, of *Server, metrics *prometheus.Registry) *httpServer {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", of.answerHealth)
	mux.HandleFunc("GET /readyz", of.answerReady)
	mux.HandleFunc("GET /status", of.answerStatus)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	h := &httpServer{http.Server{
		Handler: served(mux), ConnContext: withPlace, ConnState: noteHeard,
		ReadHeaderTimeout: httpHeaderWithin, ReadTimeout: httpRequestWithin, WriteTimeout: httpAnswerWithin,
		IdleTimeout: httpIdleWithin, MaxHeaderBytes: httpHeaderBytesMax,
		ErrorLog: slog.NewLogLogger(of.log.Handler(), slog.LevelWarn),
	}}
	room := places.New(places.Limits{All: httpConnectionsMax})
	go func() {
		if err := h.server.Serve(&httpListener{listener, room}); !errors.Is(err, http.ErrServerClosed) {
			of.fail(fmt.Errorf("serve HTTP: %w", err))
		}
	}()
	return h
}

// httpListener assigns each accepted connection a place.
type httpListener struct {
	net.Listener
	room *places.Room
}

// Accept implements net.Listener.
func (l *httpListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &httpConn{conn, l.room.Take("", func() { conn.Close() })}, nil
}

// httpConn is a connection with a place.
type httpConn struct {
	net.Conn
	place *places.Place
}

// Close implements net.Conn.
func (c *httpConn) Close() error {
	defer c.place.Leave()
	return c.Conn.Close()
}

// noteHeard records when a connection begins a request, and when the request was answered.
func noteHeard(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*httpConn); ok && (state == http.StateActive || state == http.StateIdle) {
		c.place.Heard()
	}
}

// placeKey is the context key for the place of a request's connection.
type placeKey struct{}

func withPlace(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*httpConn); ok {
		return context.WithValue(ctx, placeKey{}, c.place)
	}
	return ctx
}

// served marks a connection as busy while its request is answered, so that it makes room last.
func served(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if place, ok := r.Context().Value(placeKey{}).(*places.Place); ok {
			place.Busy(true)
			defer place.Busy(false)
		}
		next.ServeHTTP(w, r)
	})
}

// close closes the port. Requests under way get up to httpCloseWithin to finish.
func (h *httpServer) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, httpCloseWithin)
	defer cancel()
	if err := h.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return h.server.Close() // an idle or unreading client is no reason to wait
	} else if err != nil {
		return errors.Join(err, h.server.Close())
	}
	return nil
}

// answerHealth says that the process is alive. It checks nothing else: a server whose
// invariants are broken stops by itself.
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
	_ = json.NewEncoder(w).Encode(s.Status()) // an error means that the client has gone
}
