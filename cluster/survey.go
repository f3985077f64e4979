package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// view is one listed member's hello answer, or the error if there was none.
type view struct {
	listed Listed
	answer helloAnswer
	err    error
}

// verdict is the next step of a fresh server.
type verdict uint8

const (
	verdictWait verdict = iota
	verdictFound
	verdictKnock
)

type decision struct {
	verdict  verdict
	servers  []member.Server // of verdictFound: the first configuration, founder first
	waitsFor []string
}

func compareIDs(a, b string) int { return strings.Compare(member.ID(a), member.ID(b)) }

// others returns the listed members other than this server.
func (s *Service) others() []Listed {
	return slices.DeleteFunc(slices.Clone(s.list), func(m Listed) bool { return m.ID == member.ID(s.server) })
}

// survey asks every other listed member where it stands.
func (s *Service) survey(ctx context.Context) []view { return s.surveyOf(ctx, s.others()) }

// surveyOf asks the given members where they stand, all at the same time.
func (s *Service) surveyOf(ctx context.Context, others []Listed) []view {
	views := make([]view, len(others))
	var asking sync.WaitGroup
	for i, m := range others {
		asking.Go(func() {
			views[i].listed = m
			views[i].answer, views[i].err = s.hello(ctx, m)
		})
	}
	asking.Wait()
	return views
}

// hello asks one member where it stands, and checks that the answer comes from that member.
func (s *Service) hello(ctx context.Context, m Listed) (answer helloAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	server, a, err := s.endpoint.Ask(ctx, m.PeerAddr, "", peer.Request{Kind: kindHello, Payload: encode(helloQuestion{s.list})})
	if err == nil {
		err = errorOf(a)
	}
	if err != nil {
		return answer, err
	}
	if member.ID(server) != m.ID {
		return answer, fmt.Errorf("at %s is %s, and not %s", m.PeerAddr, server, m.ID)
	}
	if err := decode(a.Payload, &answer); err != nil {
		return answer, err
	}
	if answer.Server != server {
		return answer, fmt.Errorf("%s says that it is %s", server, answer.Server)
	}
	return answer, nil
}

// obstacle says why one member's answer keeps a fresh server waiting, or returns "" if it does not.
func (s *Service) obstacle(v view) string {
	switch {
	case v.err != nil:
		return fmt.Sprintf("%s at %s: %v", v.listed.ID, v.listed.PeerAddr, v.err)
	case v.answer.Rebuilt && v.answer.Cluster == "":
		return rebuiltText(v.answer.Server)
	case v.answer.Cluster == "" && len(v.answer.List) == 0:
		return fmt.Sprintf("%s at %s was started to join a running cluster: start it with --cluster, as the others", v.answer.Server, v.listed.PeerAddr)
	case v.answer.Cluster == "" && !slices.Equal(s.list, list(v.answer.List)):
		return differentLists(s.server, s.list, v.answer.Server, v.answer.List)
	case v.answer.Promise != nil && serverOf(v.answer.Promise, member.ID(s.server)) == s.server:
		return fmt.Sprintf("%s, which founds cluster %s", founderOf(v.answer.Promise), v.answer.Cluster)
	}
	return ""
}

// promiseResult is the outcome of asking one server for its promise.
type promiseResult struct {
	server string
	err    error
}

// askPromises asks the servers of F that have not promised yet, all at the same time.
func (s *Service) askPromises(ctx context.Context, f *member.Formation, promised map[string]bool) []promiseResult {
	var results []promiseResult
	for _, m := range f.Servers {
		if !promised[m.ID] {
			results = append(results, promiseResult{server: m.ID})
		}
	}
	payload := encode(f)
	var asking sync.WaitGroup
	for i := range results {
		asking.Go(func() { results[i].err = s.askPromise(ctx, f, results[i].server, payload) })
	}
	asking.Wait()
	return results
}

// askPromise asks one server of F for its promise. It returns errDirectoryReplaced if another
// incarnation of that server answers.
func (s *Service) askPromise(ctx context.Context, f *member.Formation, server string, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var addr string
	for _, m := range f.Servers {
		if m.ID == server {
			addr = m.PeerAddr
		}
	}
	_, a, err := s.endpoint.Ask(ctx, addr, server, peer.Request{Kind: kindPromise, Payload: payload})
	var refusal *peer.Refusal
	if errors.As(err, &refusal) && refusal.Reason == peer.WrongServer && member.ID(refusal.Server) == member.ID(server) {
		return errDirectoryReplaced
	}
	if err != nil {
		return err
	}
	return errorOf(a)
}

// report logs what a start waits for, at once when that changes and every few seconds otherwise. It
// also publishes it for those who ask whether this server is ready.
type report struct {
	service *Service
	last    string
	at      time.Time
	looked  time.Time // of sayAwaiting
}

// over says that the wait has ended.
func (r *report) over() { r.service.waitsFor.Store(nil) }

// say publishes what the start waits for, and logs it if that is new or reportEvery has passed.
func (r *report) say(what string, waitsFor []string) {
	text := strings.Join(waitsFor, "; ")
	told := what + " for " + text
	r.service.waitsFor.Store(&told)
	if text == r.last && time.Since(r.at) < reportEvery {
		return
	}
	r.last, r.at = text, time.Now()
	r.service.logger.Info(what, slog.String("for", text))
}
