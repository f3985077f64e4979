package node

import (
	"testing"

	"github.com/kvorum/kvorum/fsm/reply"
)

func TestWritesAndReadsGoThroughEveryNode(t *testing.T) {
	inBubble(t, 3, nil, func(t *testing.T, l *lab) {
		l.leader()
		for _, writer := range l.conf.Servers {
			l.want(write(l.node(writer.ID), "set", "k", writer.ID), reply.OK)
			for _, reader := range l.conf.Servers {
				l.want(read(l.node(reader.ID), "get", "k"), reply.Text(writer.ID))
			}
		}
	})
}
