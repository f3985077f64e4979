//go:build !linux || !amd64

package tracer

import "errors"

// Supported says whether this system can trace.
const Supported = false

var errUnsupported = errors.New("only Linux on amd64 can trace")

func trace(Order, []string) (int, error) { return 126, errUnsupported }

func replace([]string) error { return errUnsupported }
