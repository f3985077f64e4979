package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLogger is the logger interface that Raft uses.
type raftLogger = hclog.Logger

// slogAdapter lets Raft log through the node's logger. Raft's Info becomes Debug: the node itself
// says what an operator has to know. A warning or an error that Raft repeats also becomes Debug
// for a while, because a dead follower would otherwise produce several lines per second.
type slogAdapter struct {
	to      *slog.Logger
	name    string
	implied []any
	said    *said
}

// said records when each warning was last let through.
type said struct {
	mu sync.Mutex
	at map[string]time.Time
}

// again reports whether msg was let through a short while ago. If not, it is recorded now.
func (s *said) again(msg string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if at, ok := s.at[msg]; ok && now.Sub(at) < repeatAfter {
		return true
	}
	s.at[msg] = now
	return false
}

func newRaftLogger(to *slog.Logger) raftLogger {
	return &slogAdapter{to: to.With(slog.String("from", "raft")), name: "raft", said: &said{at: map[string]time.Time{}}}
}

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Error:
		return slog.LevelError
	case hclog.Warn:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (a *slogAdapter) Log(level hclog.Level, msg string, args ...any) {
	ctx := context.Background()
	as := slogLevel(level)
	if !a.to.Enabled(ctx, as) {
		return
	}
	if as >= slog.LevelWarn && a.said.again(msg) {
		as = slog.LevelDebug
	}
	for i, arg := range args {
		if f, ok := arg.(hclog.Format); ok && len(f) > 1 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	a.to.Log(ctx, as, msg, args...)
}

func (a *slogAdapter) Trace(msg string, args ...any) { a.Log(hclog.Trace, msg, args...) }
func (a *slogAdapter) Debug(msg string, args ...any) { a.Log(hclog.Debug, msg, args...) }
func (a *slogAdapter) Info(msg string, args ...any)  { a.Log(hclog.Info, msg, args...) }
func (a *slogAdapter) Warn(msg string, args ...any)  { a.Log(hclog.Warn, msg, args...) }
func (a *slogAdapter) Error(msg string, args ...any) { a.Log(hclog.Error, msg, args...) }

func (a *slogAdapter) enabled(level hclog.Level) bool {
	return a.to.Enabled(context.Background(), slogLevel(level))
}

func (a *slogAdapter) IsTrace() bool { return a.enabled(hclog.Trace) }
func (a *slogAdapter) IsDebug() bool { return a.enabled(hclog.Debug) }
func (a *slogAdapter) IsInfo() bool  { return a.enabled(hclog.Info) }
func (a *slogAdapter) IsWarn() bool  { return a.enabled(hclog.Warn) }
func (a *slogAdapter) IsError() bool { return a.enabled(hclog.Error) }

func (a *slogAdapter) ImpliedArgs() []any { return a.implied }

func (a *slogAdapter) With(args ...any) hclog.Logger {
	implied := append(append([]any{}, a.implied...), args...)
	return &slogAdapter{to: a.to.With(args...), name: a.name, implied: implied, said: a.said}
}

func (a *slogAdapter) Name() string                   { return a.name }
func (a *slogAdapter) Named(name string) hclog.Logger { return a.ResetNamed(a.name + "." + name) }
func (a *slogAdapter) ResetNamed(name string) hclog.Logger {
	return &slogAdapter{to: a.to, name: name, implied: a.implied, said: a.said}
}

// The level is the slog handler's.
func (a *slogAdapter) SetLevel(hclog.Level)  {}
func (a *slogAdapter) GetLevel() hclog.Level { return hclog.NoLevel }

func (a *slogAdapter) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(a.StandardWriter(opts), "", 0)
}

func (a *slogAdapter) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return lineWriter{a}
}

type lineWriter struct{ to *slogAdapter }

func (w lineWriter) Write(line []byte) (int, error) {
	w.to.Warn(string(line))
	return len(line), nil
}
