package main

import "time"

const (
	nodeCount = 3

	// A worker's ports: its nodes' client ports follow each other, and their
	// ports for the others lie peerOffset above.
	portDefault    = 24379
	portsPerWorker = 20
	peerOffset     = 10

	// writeTimeout is the time that the nodes are given for a write: where nobody leads, a case
	// does not wait longer for each answer.
	writeTimeout = "2s"
	// askWithin bounds a request of this program, above the nodes' own time-outs.
	askWithin  = 8 * time.Second
	lookWithin = time.Second
	pollPause  = 10 * time.Millisecond

	// prepareWithin bounds each step of making a directory.
	prepareWithin = 60 * time.Second
	// serveWithin bounds the time that a majority of intact nodes may need to serve: some
	// elections, of 1 to 2 s each, after one that a damaged node was part of. On a machine that is
	// busy with something else, 15 s were not always enough.
	serveWithin = 45 * time.Second
	// chanceWithin is the time that a damaged node and one other have to serve before the third is
	// started: unavailable is allowed there.
	chanceWithin = 5 * time.Second
	// stopWithin bounds an orderly stop.
	stopWithin = 20 * time.Second

	// countersInBooks and textsInBooks are written before the first snapshot;
	// writesBetween between two steps of the preparation.
	countersInBooks = 4
	textsInBooks    = 12
	writesBetween   = 24
	// bigValueBytes is near what one entry holds; bigValuesMax of them fill any segment.
	bigValueBytes = 400 << 10
	bigValuesMax  = 400

	// writesBehindRotation entries go into a further segment.
	writesBehindRotation = 2

	// failingFor is the time for which clients write after a change has failed, and gapMax bounds
	// the time that those of the other nodes may wait. The tests allow sampleGapMax: beside other
	// tests a machine is that slow without a fault, and a leader that is elected again with its
	// failed disk costs 2 to 5 s.
	failingFor   = 3 * time.Second
	gapMax       = 300 * time.Millisecond
	sampleGapMax = 2500 * time.Millisecond
	// writesFailedMax bounds the number of changes that are failed, or crashed at, while nodes only
	// store entries, of which one is like the other.
	writesFailedMax = 12

	// repeatsMax bounds how many of the same change in a row count: a new segment is zeroed by a
	// thousand writes, of which one is like the other.
	repeatsMax = 3

	// pageBytes is the page of the file cache, in which a disk loses what was written.
	pageBytes = 4096
	// behindBytes are damaged behind the last byte of a file that is not zero.
	behindBytes = 16
	// cutStep is the distance of the cuts of a file, sectorBytes on a disk.
	cutStep = 512
	// wholeFile stands for an offset where a file is damaged as a whole.
	wholeFile = -1

	// workersDefault run cases beside each other: a case mostly waits for elections.
	workersDefault = 4
	// strideDefault is the distance of two damaged bytes.
	strideDefault = 97
	// sampleStep changes are between two at which the tests crash a start, and
	// rotationStep between two within a rotation, which has fewer.
	sampleStep   = 20
	rotationStep = 5
	// sampleWorkers prepare directories for a few crashes.
	sampleWorkers = 2
	// lastWordsBytesMax bounds how much of a log line is shown.
	lastWordsBytesMax = 600
	// shownMax bounds the number of violations of a group that are printed in full.
	shownMax = 5
	// progressEvery is the interval at which a long run says how far it is.
	progressEvery = time.Minute
)
