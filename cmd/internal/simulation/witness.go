package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// witness reads the servers' log lines and checks that a term has at most one leader.
type witness struct {
	slog.Handler
	cluster *Cluster
	server  string // the server whose lines this one reads

	mu      sync.Mutex
	leaders map[uint64]string // by term; used in the first witness only
}

// WithAttrs implements slog.Handler.
func (w *witness) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &witness{Handler: w.Handler.WithAttrs(attrs), cluster: w.cluster, server: w.server}
	for _, a := range attrs {
		if a.Key == "server" && next.server == "" {
			next.server = a.Value.String()
		}
	}
	return next
}

// Handle implements slog.Handler.
func (w *witness) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "leadership" && w.server != "" {
		var gained bool
		var term uint64
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "gained":
				gained = a.Value.Bool()
			case "term":
				term = a.Value.Uint64()
			}
			return true
		})
		if gained {
			w.cluster.witness.leads(w.server, term)
		}
	}
	return w.Handler.Handle(ctx, r)
}

// forget drops the leaders that were seen, because a new cluster counts its own terms.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.leaders)
}

func (w *witness) leads(server string, term uint64) {
	w.mu.Lock()
	before, known := w.leaders[term]
	w.leaders[term] = server
	w.mu.Unlock()
	if known && before != server {
		w.cluster.mu.Lock()
		w.cluster.wrong = append(w.cluster.wrong, fmt.Sprintf("%s and %s have led in term %d", before, server, term))
		w.cluster.mu.Unlock()
	}
}
