// Package tracer runs a program and does something at its N-th change of a
// directory: each write, sync, truncation, creation, renaming and removal of a file
// there is counted, over all threads, and at one of them the program is killed, or
// told that it failed. (strace counts the calls of each thread by themselves, and
// every program in Go has many.)
//
// The tracer is a process of its own between the caller and the program: Command
// makes it from the caller's own binary, whose main function must begin with Become.
// A seccomp filter stops the program at those system calls only, so it hardly runs
// slower. Linux on amd64 only.
package tracer
