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

// sayWhy tells why the process ends, and does not wait for a stream that has stalled.
func sayWhy(to io.Writer, text string) {
	said := make(chan struct{})
	go func() {
		_, _ = io.WriteString(to, text) // there is nobody else to tell
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(lastLinesWithin):
	}
}

func main() {
	redis.SetLogger(libraryLog{}) // what concerns anybody comes back as an error
	// Caught until the end: timeout and the like send a signal twice, and a stop is bounded.
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
