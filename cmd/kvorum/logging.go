package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/kvorum/kvorum/cmd/internal/logqueue"
)

// logFlags are the flags that choose how a node logs.
type logFlags struct {
	format choice
	level  choice
}

func (l *logFlags) register(flags *pflag.FlagSet) {
	l.format = choice{"text", []string{"text", "json"}}
	l.level = choice{"info", []string{"debug", "info", "warn", "error"}}
	flags.Var(&l.format, "log-format", "how log lines look")
	flags.Var(&l.level, "log-level", "the least level that is logged")
}

// nodeLog is a node's open log. Logging never waits for the stream.
type nodeLog struct {
	logger *slog.Logger
	level  *slog.LevelVar // CONFIG SET loglevel changes it
	lines  *logqueue.Queue
}

// open starts a node's log on a stream. The caller must close its queue at the end.
func (l *logFlags) open(to io.Writer, id string) (*nodeLog, error) {
	opened := &nodeLog{level: &slog.LevelVar{}}
	if err := opened.level.UnmarshalText([]byte(l.level.value)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	opened.lines = logqueue.New(to, func(dropped uint64) []byte {
		var line bytes.Buffer
		l.logger(&line, nil).With(slog.String("id", id)).Warn("lines of this log were dropped: their reader did not keep up",
			slog.Uint64("lines", dropped))
		return line.Bytes()
	})
	opened.logger = l.logger(opened.lines, opened.level).With(slog.String("id", id))
	log.SetOutput(opened.lines) // for libraries that use the standard logger
	return opened, nil
}

func (l *logFlags) logger(to io.Writer, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if l.format.value == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
