package client

import "time"

const (
	// requestWithin is far more than any node's time-outs: a client that waits
	// that long has not been answered.
	requestWithin = 60 * time.Second
	dialWithin    = 2 * time.Second
)
