package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

func main() {
	redis.SetLogger(libraryLog{}) // what concerns anybody comes back as an error
	// Caught until the end: timeout and the like send a signal twice, and a stop is bounded.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kvorum:", err)
		code := exitFailed
		var own *failure
		if errors.As(err, &own) {
			code = own.code
		}
		os.Exit(code)
	}
}
