package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// sayWhy prints why the process ends. It does not wait long for a stream that has stalled.
func sayWhy(to io.Writer, text string) {
	said := make(chan struct{})
	go func() {
		_, _ = io.WriteString(to, text) // an error could be reported to nobody
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(lastLinesWithin):
	}
}

func main() {
	redis.SetLogger(libraryLog{}) // what matters is returned as an error
	// Signals stay caught until the end: timeout and the like send them twice, and a stop is bounded anyway.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		sayWhy(os.Stderr, fmt.Sprintf("kvorum: %v\n", err))
		code := exitFailed
		var own *failure
		if errors.As(err, &own) {
			code = own.code
		}
		os.Exit(code)
	}
}
