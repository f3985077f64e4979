package command_test

import (
	"testing"

	"github.com/kvorum/kvorum/internal/corpus"
	"github.com/kvorum/kvorum/internal/corpus/folder"
)

// The scripts of testdata/corpus hold what a real redis-server 7.0 answers. To
// record them again:
//
//	go test ./fsm/command -run TestTheCorpusOnRedis -rewrite

func TestTheCorpusOnTheBareMachine(t *testing.T) {
	folder.Run(t, "testdata/corpus", func() corpus.Engine { return newBareMachine() })
}

func TestTheCorpusOnRedis(t *testing.T) {
	socket := startRedis(t)
	folder.Run(t, "testdata/corpus", func() corpus.Engine { return dialRedis(t, socket) })
}
