package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvorum/kvorum/transport/peer"
)

// silent has an address neither answer nor refuse, as a host that is gone does, for
// whoever dials with what it returns.
func silent(addrs ...string) func(*Config) {
	return func(cfg *Config) {
		dial := cfg.Dial
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			if slices.Contains(addrs, addr) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx, addr)
		}
	}
}

// A server that was removed while it was away finds that out before its member is
// opened, although the first of those whom it knows are gone without a word.
func TestAServerThatComesBackAsksBehindAddressesThatAreDead(t *testing.T) {
	inWorld(t, 7, func(w *world) {
		for _, id := range w.ids {
			w.start(id)
		}
		w.becomes("n1 n2 n3 n4 n5 n6 n7")
		w.await("all know it", func() error {
			for _, id := range w.ids {
				if len(w.disks[id].known) == 0 {
					return fmt.Errorf("%s does not", id)
				}
			}
			return nil
		})
		w.crash("n7")
		for _, id := range []string{"n6", "n7"} {
			if err := w.process("n3").service.Remove(w.t.Context(), id, false); err != nil {
				t.Fatal(err)
			}
		}
		w.crash("n1")
		w.crash("n2")
		w.with["n7"] = silent("n1:1", "n2:1")
		w.start("n7").ends("n7@7 is not in the configuration")
		if w.running["n7"].opened {
			t.Error("its member was opened")
		}
	})
}

// Whoever answers first counts, wherever it stands; who failed makes room at once; who
// says nothing delays the others for a moment; and nobody is asked in vain.
func TestAMemberIsFoundAmongManyThatAreGone(t *testing.T) {
	for _, c := range []struct {
		name        string
		dead, quiet int // addresses before the living one: they refuse, they say nothing
		within      time.Duration
		asked       int
	}{
		{"the first answers", 0, 0, 0, 1},
		{"some refuse", 8, 0, 0, 9},
		{"some are gone", 0, 3, 2 * askNext, 4},
		{"as many as are asked within a second", 0, 15, 4 * askNext, 16},
		{"both", 4, 3, 2 * askNext, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			inCluster(t, func(w *world) {
				var quiet, addrs []string
				for i := range c.dead {
					addrs = append(addrs, fmt.Sprintf("dead%d:1", i))
				}
				for i := range c.quiet {
					quiet = append(quiet, fmt.Sprintf("quiet%d:1", i))
				}
				addrs = append(append(addrs, quiet...), "n1:1", "late:1")
				w.crash("n3")
				var mu sync.Mutex
				asked := 0
				w.with["n3"] = func(cfg *Config) {
					silent(quiet...)(cfg)
					dial := cfg.Dial
					cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
						mu.Lock()
						asked++
						mu.Unlock()
						return dial(ctx, addr)
					}
				}
				s := w.start("n3").service
				<-w.running["n3"].done
				mu.Lock()
				asked = 0
				mu.Unlock()
				begun := time.Now()
				answer, err := s.askAround(w.t.Context(), addrs, peer.Request{Kind: kindAdmit, Payload: encode(s.identified(admitQuestion{Vote: true}))})
				if took := time.Since(begun); err != nil || !answer.Server || took > c.within+10*time.Millisecond {
					t.Errorf("after %v: %+v, %v", took, answer, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if asked < c.asked || asked > c.asked+1 {
					t.Errorf("%d were asked, not %d", asked, c.asked)
				}
			})
		})
	}
}

// Where nobody is found, the reason names all in their order, and comes with the
// question's time.
func TestNobodyIsFoundAmongThoseWhoAreGone(t *testing.T) {
	inCluster(t, func(w *world) {
		w.crash("n3")
		w.with["n3"] = silent("quiet1:1", "quiet2:1")
		s := w.start("n3").service
		<-w.running["n3"].done
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := s.askAround(ctx, []string{"quiet1:1", "dead1:1", "quiet2:1"}, peer.Request{Kind: kindAdmit})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if text := strings.ReplaceAll(err.Error(), "\n", " "); !errors.Is(err, ErrNotLeader) || strings.Index(text, "quiet1") > strings.Index(text, "dead1") || !strings.Contains(text, "quiet2") {
			t.Errorf("it says %s", text)
		}
	})
}
