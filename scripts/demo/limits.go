package main

import "time"

const (
	// frameEvery is the interval at which the picture is drawn, progressEvery the one at which a
	// line is printed instead where there is no terminal.
	frameEvery    = 100 * time.Millisecond
	progressEvery = 2 * time.Second

	// pulseSpan is the time that one column of a sparkline stands for.
	pulseSpan = 200 * time.Millisecond
	// sparkWidthMax keeps sparklines short on wide terminals.
	sparkWidthMax = 80

	// watchEvery is the interval at which a node is asked for its state, watchWithin the time that
	// it may take to answer before it counts as silent.
	watchEvery  = 50 * time.Millisecond
	watchWithin = time.Second

	// requestWithin bounds a client's request: above the nodes' write timeout
	// (5 s), so that it is the node that answers.
	requestWithin = 8 * time.Second
	// retryPause keeps clients of a dead node from spinning.
	retryPause = 20 * time.Millisecond

	// calm is the time for which the cluster is left alone before a fault, and settle that after
	// the writes go on, so that a person sees both.
	calm   = 2 * time.Second
	settle = time.Second
	// newLeaderWithin bounds the wait for another leader.
	newLeaderWithin = 30 * time.Second
	// verdictWithin bounds the recovery and the reading at the end.
	verdictWithin = 60 * time.Second

	// The comparison: clients send so often, and wait so long for an answer.
	orderEvery  = 20 * time.Millisecond
	orderWithin = time.Second
	// clientsEach is the number of clients on each machine.
	clientsEach = 2
	// detectAfter is Kvorum's default heartbeat timeout, and what Sentinels are given as theirs.
	detectAfter = time.Second
	// killHold and cutDefault are the times for which a fault lasts before it is mended.
	killHold   = 7 * time.Second
	cutDefault = 8 * time.Second
	cutMin     = time.Second
	cutMax     = 5 * time.Minute
	// redisOffset is added to the demo's first port for Redis's ports.
	redisOffset = 100
	// askTogether is the number of keys that are read by one command at the end.
	askTogether = 500

	// apartDefault is the time for which the partition lasts: long enough for the nodes' write
	// timeout (5 s) to pass twice.
	apartDefault = 12 * time.Second
	apartMin     = 6 * time.Second
	// probeEvery is the interval at which each node is read.
	probeEvery = 100 * time.Millisecond

	killsDefault = 5
	killsMax     = 10_000
	portDefault  = 7379
	portMin      = 1024
	portMax      = 65000
)
