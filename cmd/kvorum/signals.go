package main

import (
	"os/signal"
	"syscall"
)

// outliveReaders keeps a process that is to run for long from ending with its terminal
// or with whoever reads its output: Redis, too, ignores both signals. A write to a pipe
// that nobody reads fails then.
func outliveReaders() { signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) }
