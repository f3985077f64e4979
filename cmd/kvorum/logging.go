package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logFlags choose how a node logs.
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

// logger returns the logger and its level, which CONFIG SET loglevel changes.
func (l *logFlags) logger(to io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	level := &slog.LevelVar{}
	if err := level.UnmarshalText([]byte(l.level.value)); err != nil {
		return nil, nil, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if l.format.value == "json" {
		return slog.New(slog.NewJSONHandler(to, options)), level, nil
	}
	return slog.New(slog.NewTextHandler(to, options)), level, nil
}
