package store

import (
	"context"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// hashicorpLogger returns a logger for Hashicorp's stores that writes to ours.
func hashicorpLogger(to *slog.Logger) hclog.Logger {
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Error})
	logger.RegisterSink(slogSink{to})
	return logger
}

// slogSink accepts every line of an hclog logger, whatever that logger's level. Our logger
// decides.
type slogSink struct{ to *slog.Logger }

func (s slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	s.to.Log(context.Background(), slogLevel(level), msg, args...)
}

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Error:
		return slog.LevelError
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Info:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
