package node

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/fsm/command"
)

// tcpStreams are real sockets, so that a benchmark pays for system calls.
type tcpStreams struct {
	net.Listener
	lab *lab
	id  string
}

// Accept does not say who calls, because no benchmark needs it.
func (s *tcpStreams) Accept() (conn net.Conn, from string, err error) {
	conn, err = s.Listener.Accept()
	return conn, "", err
}

func (s *tcpStreams) Dial(server, _ string, timeout time.Duration) (net.Conn, error) {
	s.lab.mu.Lock()
	to := s.lab.listeners[server]
	s.lab.mu.Unlock()
	if to == nil {
		return nil, errUnreachable
	}
	return net.DialTimeout("tcp", to.Addr().String(), timeout)
}

// BenchmarkGroupCommit has 50 clients write through the leader or a follower of three nodes, in
// one process and on in-memory disks. So it measures processor time. groups/op is the number of
// entries per write.
func BenchmarkGroupCommit(b *testing.B) {
	for _, where := range []string{"leader", "follower"} {
		for _, pipeline := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/P=%d", where, pipeline), func(b *testing.B) { benchmark(b, where, pipeline, true) })
		}
	}
}

// BenchmarkConfirmedRead does the same with reads.
func BenchmarkConfirmedRead(b *testing.B) {
	for _, where := range []string{"leader", "follower"} {
		for _, pipeline := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/P=%d", where, pipeline), func(b *testing.B) { benchmark(b, where, pipeline, false) })
		}
	}
}

func benchmark(b *testing.B, where string, pipeline int, writes bool) {
	l := newLab(b, 3, nil)
	defer l.close()
	leader := l.leader()
	n := leader
	if where == "follower" {
		n = l.followers()[0]
	}
	value := strings.Repeat("v", 64)
	begun := leader.committer.begun.Load()
	b.ResetTimer()
	const clients = 50
	var wg sync.WaitGroup
	for c := range clients {
		rounds := b.N / clients / pipeline
		if c == 0 {
			rounds++
		}
		wg.Go(func() {
			calls := make([]*command.Call, pipeline)
			for i := range calls {
				if writes {
					calls[i] = call("set", fmt.Sprint("key:", c*1000+i), value)
				} else {
					calls[i] = call("get", fmt.Sprint("key:", c*1000+i))
				}
			}
			for range rounds {
				if writes {
					n.Write(b.Context(), calls)
				} else {
					n.Read(b.Context(), calls)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(leader.committer.begun.Load()-begun)/float64(b.N), "groups/op")
}
