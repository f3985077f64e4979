package main

import (
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// outliveReaders lets a long-running process outlive its terminal and the readers of its
// output, by ignoring SIGHUP and SIGPIPE as Redis does. A write to a pipe without a
// reader then fails with an error.
func outliveReaders() { signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) }

// endOnQuit ends the process on SIGQUIT as Go's runtime would, with all stacks on stderr, until
// the returned function is called. The runtime would wait for ever for a stream that has stalled.
func endOnQuit(stderr io.Writer) (stop func()) {
	quit, stopped := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(quit, syscall.SIGQUIT)
	go func() {
		select {
		case <-quit:
			sayWhy(stderr, "SIGQUIT: quit\n\n"+string(allStacks()))
			os.Exit(exitQuit)
		case <-stopped:
		}
	}()
	return func() {
		signal.Stop(quit)
		close(stopped)
	}
}

// allStacks returns the stacks of all goroutines, or as many as stacksBytesMax has room for.
func allStacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		stacks := make([]byte, size)
		if n := runtime.Stack(stacks, true); n < size || size >= stacksBytesMax {
			return stacks[:n]
		}
	}
}
