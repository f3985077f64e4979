package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvorum/kvorum/transport/peer/pipe"
)

// bookOf finds a server at the address that is its id.
type bookOf map[string]string

func (b bookOf) Address(server string) (string, bool) {
	addr, ok := b[server]
	return addr, ok
}

// recorder is a handler that a test scripts.
type recorder struct {
	mu     sync.Mutex
	got    []Request
	from   []Caller
	admit  func(Greeting) error
	answer func(Request, Responder)
}

func (r *recorder) Admit(g Greeting) error {
	if r.admit != nil {
		return r.admit(g)
	}
	return nil
}

func (r *recorder) Serve(from Caller, req Request, to Responder) {
	r.mu.Lock()
	r.got = append(r.got, req)
	r.from = append(r.from, from)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(req, to)
		return
	}
	to.Answer(Answer{Status: 7, Payload: req.Payload})
}

func (r *recorder) requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.got...)
}

var book = bookOf{"n1@a": "one", "n2@b": "two", "n3@c": "three"}

// open starts an endpoint on the network; the test closes it.
func open(t *testing.T, n *pipe.Network, server, cluster string, h Handler) *Endpoint {
	t.Helper()
	addr := book[server]
	l, err := n.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	e := Open(Config{
		Server: server, Cluster: cluster, Advertise: addr, Listener: l,
		Dial: n.Dialer(addr), Book: book, Handler: h, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { e.Close() })
	return e
}

// bubble runs f in a synctest bubble, which fails if a goroutine stays behind,
// and checks that no connection does.
func bubble(t *testing.T, f func(t *testing.T, n *pipe.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := pipe.New()
		t.Cleanup(func() {
			synctest.Wait() // a test's own goroutine may be about to close what it accepted
			if open := n.Open(); open != 0 {
				t.Errorf("%d ends of connections are still open", open)
			}
		})
		f(t, n)
	})
}

func TestARequestIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		h := &recorder{}
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", h)
		got, err := a.Call(t.Context(), "n2@b", Request{Kind: 3, Hops: 1, Payload: []byte("hello")})
		if err != nil || got.Status != 7 || string(got.Payload) != "hello" {
			t.Fatalf("got %v, %v", got, err)
		}
		if r := h.requests()[0]; r.Kind != 3 || r.Hops != 1 {
			t.Errorf("the handler saw kind %d, hops %d", r.Kind, r.Hops)
		}
		if want := (Caller{Lane: Requests, Cluster: "c", Server: "n1@a"}); h.from[0] != want {
			t.Errorf("the handler saw the caller %+v", h.from[0])
		}
	})
}

func TestEveryRefusalSaysWhy(t *testing.T) {
	cases := []struct {
		name    string
		cluster string // the server's
		g       Greeting
		admit   error
		want    Reason
	}{
		{"another cluster", "c", Greeting{Requests, "other", "n1@a", "n2@b"}, nil, WrongCluster},
		{"another cluster, raft", "c", Greeting{Raft, "other", "n1@a", "n2@b"}, nil, WrongCluster},
		{"another cluster, hello", "c", Greeting{Hello, "other", "n1@a", ""}, nil, WrongCluster},
		{"another server", "c", Greeting{Requests, "c", "n1@a", "n3@c"}, nil, WrongServer},
		{"an old incarnation", "c", Greeting{Raft, "c", "n1@a", "n2@old"}, nil, WrongServer},
		{"another server, hello", "c", Greeting{Hello, "", "n1@a", "n2@old"}, nil, WrongServer},
		{"no cluster yet", "", Greeting{Requests, "c", "n1@a", "n2@b"}, nil, NotMember},
		{"no cluster yet, raft", "", Greeting{Raft, "c", "n1@a", "n2@b"}, nil, NotMember},
		{"an unknown lane", "c", Greeting{9, "c", "n1@a", "n2@b"}, nil, NotServing},
		{"the handler's no", "c", Greeting{Requests, "c", "n1@a", "n2@b"}, errors.New("removed"), NotAdmitted},
		{"the handler's own reason", "c", Greeting{Requests, "c", "n1@a", "n2@b"}, &Refusal{Reason: NotServing}, NotServing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *pipe.Network) {
				open(t, n, "n2@b", c.cluster, &recorder{admit: func(Greeting) error { return c.admit }})
				conn, err := n.Dialer("one")(t.Context(), "two")
				if err != nil {
					t.Fatal(err)
				}
				_, err = greet(t.Context(), conn, c.g)
				var refusal *Refusal
				if !errors.As(err, &refusal) || refusal.Reason != c.want || !errors.Is(err, ErrRefused) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if refusal.Server != "n2@b" {
					t.Errorf("the refusal names server %q", refusal.Server)
				}
			})
		})
	}
}

// dial opens a bare connection to the one endpoint of a test.
func dial(t *testing.T, n *pipe.Network) net.Conn {
	t.Helper()
	conn, err := n.Dialer("one")(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAnUnknownVersionIsRefusedReadably(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		open(t, n, "n2@b", "c", &recorder{})
		conn := dial(t, n)
		defer conn.Close()
		if _, err := conn.Write(sealed(9, []byte("whatever a version 9 holds"))); err != nil {
			t.Fatal(err)
		}
		_, body, err := readSealed(conn)
		if err != nil {
			t.Fatal(err)
		}
		w, err := decodeWelcome(body)
		if err != nil || w.refused != WrongProtocol || !strings.Contains(w.text, "version 9") {
			t.Fatalf("got %+v, %v", w, err)
		}
	})
}

// sealed is appendSealed for another version.
func sealed(version byte, body []byte) []byte {
	b := append([]byte(greetingMagic), version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func TestWhatIsNoGreetingIsHungUpOn(t *testing.T) {
	good := Greeting{Hello, "", "n1@a", ""}.appendTo(nil)
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	inputs := map[string][]byte{
		"http":              []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a bad checksum":    bad,
		"a huge body":       append([]byte("KVRM\x01"), 0xff, 0xff),
		"nothing but names": sealed(1, nil),
		"no caller":         sealed(1, []byte{byte(Hello), 0, 0, 0}),
		"a long tail":       sealed(1, []byte{byte(Hello), 0, 1, 'a', 0, 'x'}),
		"half of one":       good[:5],
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *pipe.Network) {
				open(t, n, "n2@b", "c", &recorder{})
				conn, err := n.Dialer("one")(t.Context(), "two")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				go conn.Write(input)
				if got, err := io.ReadAll(conn); len(got) != 0 || err != nil {
					t.Fatalf("it answered %q, %v", got, err)
				}
			})
		})
	}
}

func TestAServerThatNeverAnswersAGreetingIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		l, err := n.Listen("two")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err == nil {
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		_, err = a.Call(t.Context(), "n2@b", Request{Kind: 1})
		if !errors.Is(err, ErrNotSent) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestRequestsOfOneClassArriveInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		h := &recorder{}
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", h)
		const count = 2000
		var answered sync.WaitGroup
		for i := range count {
			answered.Add(1)
			req := Request{Kind: 1, Class: Bulk, Payload: binary.LittleEndian.AppendUint32(nil, uint32(i))}
			a.Send("n2@b", req, func(got Answer, err error) {
				defer answered.Done()
				if err != nil || binary.LittleEndian.Uint32(got.Payload) != uint32(i) {
					t.Errorf("request %d was answered %v, %v", i, got, err)
				}
			})
		}
		answered.Wait()
		for i, r := range h.requests() {
			if got := binary.LittleEndian.Uint32(r.Payload); got != uint32(i) {
				t.Fatalf("request %d arrived in place %d", got, i)
			}
		}
	})
}

func TestAnswersMayComeInAnyOrderFromAnywhere(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		var mu sync.Mutex
		var kept []Responder
		h := &recorder{answer: func(_ Request, to Responder) {
			mu.Lock()
			defer mu.Unlock()
			if kept = append(kept, to); len(kept) == 3 {
				for i := 2; i >= 0; i-- {
					go kept[i].Answer(Answer{Status: uint8(i)})
				}
			}
		}}
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", h)
		answers := make(chan string, 3)
		for i := range 3 {
			a.Send("n2@b", Request{Kind: 1}, func(got Answer, err error) {
				answers <- fmt.Sprint(got.Status == uint8(i), err)
			})
		}
		for range 3 {
			if got := <-answers; got != "true <nil>" {
				t.Error(got)
			}
		}
	})
}

func TestABrokenConnectionFailsEveryWaitingRequestAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", &recorder{answer: func(Request, Responder) {}})
		start := time.Now()
		errs := make(chan error, 10)
		for range 9 {
			a.Send("n2@b", Request{Kind: 1}, func(_ Answer, err error) { errs <- err })
		}
		go func() {
			_, err := a.Call(context.Background(), "n2@b", Request{Kind: 1})
			errs <- err
		}()
		synctest.Wait()
		n.Break("one", "two")
		for range 10 {
			if err := <-errs; !errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotSent) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestABrokenConnectionIsDialledAgain(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		call := func() error {
			_, err := a.Call(t.Context(), "n2@b", Request{Kind: 1})
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		n.Break("one", "two")
		synctest.Wait()
		if err := call(); err != nil {
			t.Fatalf("after a break: %v", err)
		}
		b.Close()
		synctest.Wait()
		if err := call(); !errors.Is(err, ErrNotSent) {
			t.Fatalf("with nobody there: %v", err)
		}
		open(t, n, "n2@b", "c", &recorder{})
		if err := call(); err != nil {
			t.Fatalf("with a server again: %v", err)
		}
	})
}

func TestDialsBackOffToHalfASecond(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		var last time.Duration
		for range 20 {
			start := time.Now()
			if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); !errors.Is(err, ErrNotSent) {
				t.Fatal(err)
			}
			last = time.Since(start)
		}
		if last < backoffMax || last > backoffMax*5/4 {
			t.Errorf("the twentieth dial waited %v", last)
		}
	})
}

// A batch that waits for the next dial would be one that may have been sent: its client
// would be told that nobody knows what became of it.
func TestWhatIsSentBetweenDialsIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		for range 10 { // until the pauses are long
			if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); !errors.Is(err, ErrNotSent) {
				t.Fatal(err)
			}
		}
		open(t, n, "n2@b", "c", &recorder{})
		sent := func() error {
			answered := make(chan error, 1)
			a.Send("n2@b", Request{Kind: 1}, func(_ Answer, err error) { answered <- err })
			return <-answered
		}
		start := time.Now()
		if err := sent(); !errors.Is(err, ErrNotSent) || time.Since(start) != 0 {
			t.Errorf("between two dials: %v after %v", err, time.Since(start))
		}
		time.Sleep(backoffMax * 5 / 4)
		if err := sent(); err != nil {
			t.Errorf("once a dial is due: %v", err)
		}
	})
}

func TestARefusedConnectionFailsItsRequestsWithTheReason(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "d", &recorder{})
		_, err := a.Call(t.Context(), "n2@b", Request{Kind: 1})
		if !errors.Is(err, ErrNotSent) || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `belongs to "d"`) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestACallEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", &recorder{answer: func(Request, Responder) {}})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := a.Call(ctx, "n2@b", Request{Kind: 1})
		if !errors.Is(err, ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
}

// deaf accepts connections, welcomes them and then reads nothing.
func deaf(t *testing.T, n *pipe.Network) {
	l, err := n.Listen("two")
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, conn)
			if _, _, err := readSealed(conn); err == nil {
				conn.Write(welcome{server: "n2@b", cluster: "c"}.appendTo(nil))
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range open {
			c.Close()
		}
	})
}

func TestASilentServerIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		deaf(t, n)
		start := time.Now()
		_, err := a.Call(context.Background(), "n2@b", Request{Kind: 1})
		if !errors.Is(err, ErrUnknown) || !errors.Is(err, errSilent) {
			t.Fatalf("got %v", err)
		}
		if took, most := time.Since(start), silenceProbe*(silenceProbesMax+1); took > most {
			t.Errorf("it took %v, more than %v", took, most)
		}
	})
}

// Whoever is asked and says nothing is known to, from the first request on, whether its
// connection stands or is dialled in vain; one answer ends that.
func TestAServerThatDoesNotAnswerIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		mute := func() time.Duration {
			if since := a.Unanswered("n2@b"); !since.IsZero() {
				return time.Since(since)
			}
			return 0
		}
		ask := func() {
			ctx, cancel := context.WithTimeout(t.Context(), silenceProbe+silenceProbe/2)
			defer cancel()
			a.Call(ctx, "n2@b", Request{Kind: 1})
		}
		if mute() != 0 {
			t.Error("nothing is asked of it yet")
		}
		hangs, err := n.Listen("two") // and accepts nobody
		if err != nil {
			t.Fatal(err)
		}
		ask()
		if got := mute(); got != silenceProbe+silenceProbe/2 {
			t.Errorf("it has been dialled in vain for %v", got)
		}
		hangs.Close()
		time.Sleep(dialTimeout)
		ask() // refused at once
		if got := mute(); got < dialTimeout {
			t.Errorf("it could not be reached for %v", got)
		}
		b := open(t, n, "n2@b", "c", &recorder{})
		ask()
		if got := mute(); got != 0 {
			t.Errorf("it has answered, and is taken to be mute for %v", got)
		}
		b.Close()
		synctest.Wait()
		deaf(t, n)
		ask()
		if got := mute(); got != silenceProbe+silenceProbe/2 {
			t.Errorf("it has taken a request and not answered for %v", got)
		}
	})
}

func TestASlowHandlerIsNoSilence(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", &recorder{answer: func(_ Request, to Responder) {
			time.AfterFunc(time.Minute, func() { to.Answer(Answer{}) })
		}})
		if _, err := a.Call(context.Background(), "n2@b", Request{Kind: 1}); err != nil {
			t.Fatalf("an answer after a minute: %v", err)
		}
	})
}

func TestSendNeverBlocksAndIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		deaf(t, n)
		var refused int
		for range 64 {
			a.Send("n2@b", Request{Kind: 1, Class: Bulk, Payload: make([]byte, 512<<10)}, func(_ Answer, err error) {
				if errors.Is(err, errOverloaded) && errors.Is(err, ErrNotSent) {
					refused++
				}
			})
		}
		if refused == 0 {
			t.Error("32 MiB were taken for a server that reads nothing")
		}
	})
}

func TestALargeRequestDoesNotDelayASmallOne(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", &recorder{answer: func(req Request, to Responder) {
			if req.Kind == 1 {
				to.Answer(Answer{})
			}
		}})
		big := make(chan error, 1)
		a.Send("n2@b", Request{Kind: 2, Class: Bulk, Payload: make([]byte, payloadBytesMax)}, func(_ Answer, err error) { big <- err })
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-big:
			t.Fatalf("the large one was answered: %v", err)
		default:
		}
	})
}

func TestAServerStopsReadingWhileItsAnswersPileUp(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		h := &recorder{answer: func(_ Request, to Responder) {
			to.Answer(Answer{Payload: make([]byte, payloadBytesMax)})
		}}
		open(t, n, "n2@b", "c", h)
		conn := dial(t, n)
		defer conn.Close()
		if _, err := greet(t.Context(), conn, Greeting{Requests, "c", "n1@a", "n2@b"}); err != nil {
			t.Fatal(err)
		}
		go func() {
			for i := range uint64(1000) {
				if _, err := conn.Write(appendFrame(nil, frame{kind: 1, id: i})); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if served := len(h.requests()); served > burstMax+outputBytesMax/payloadBytesMax+1 {
			t.Errorf("%d answers of 1 MiB were made for a caller that reads none", served)
		}
	})
}

func TestCorruptFramesEndTheConnection(t *testing.T) {
	good := appendFrame(nil, frame{kind: 1, id: 5, payload: []byte("payload")})
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x40
		return b
	}
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint32(huge[4:], payloadBytesMax+1)
	inputs := map[string][]byte{
		"a bad payload": flip(headerBytes), "a bad kind": flip(1), "a bad id": flip(9), "a bad sum": flip(sumOffset),
		"another version": flip(0), "a huge frame": huge,
		"an answer": appendFrame(nil, frame{kind: 1 | answerBit}),
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *pipe.Network) {
				h := &recorder{}
				open(t, n, "n2@b", "c", h)
				conn, err := n.Dialer("one")(t.Context(), "two")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := greet(t.Context(), conn, Greeting{Requests, "c", "n1@a", "n2@b"}); err != nil {
					t.Fatal(err)
				}
				go conn.Write(input)
				if got, err := io.ReadAll(conn); len(got) != 0 || err != nil {
					t.Fatalf("it answered %q, %v", got, err)
				}
				if got := h.requests(); len(got) != 0 {
					t.Errorf("the handler saw %v", got)
				}
			})
		})
	}
}

func TestCorruptAnswersFailTheRequest(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		l, err := n.Listen("two")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			readSealed(conn)
			conn.Write(welcome{server: "n2@b", cluster: "c"}.appendTo(nil))
			io.ReadFull(conn, make([]byte, headerBytes))
			b := appendFrame(nil, frame{kind: 1 | answerBit, id: 1})
			b[sumOffset] ^= 1
			conn.Write(b)
		}()
		_, err = a.Call(t.Context(), "n2@b", Request{Kind: 1})
		l.Close()
		if !errors.Is(err, ErrUnknown) || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestRequestsThatFitNoFrameAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		for _, req := range []Request{
			{Kind: 1, Payload: make([]byte, payloadBytesMax+1)}, {Kind: 0}, {Kind: answerBit}, {Kind: 1, Class: classCount},
		} {
			if _, err := a.Call(t.Context(), "n2@b", req); !errors.Is(err, ErrNotSent) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := a.Call(t.Context(), "n9@z", Request{Kind: 1}); !errors.Is(err, ErrNotSent) {
			t.Errorf("a server without address: %v", err)
		}
	})
}

func TestRaftStreamsCarryBytesBothWaysAndEndWithTheLane(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		out, err := a.Streams().Dial("n2@b", "two", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		in, from, err := b.Streams().Accept()
		if err != nil || from != "n1@a" {
			t.Fatalf("accepted from %q, %v", from, err)
		}
		go out.Write([]byte("ping"))
		buf := make([]byte, 4)
		if _, err := io.ReadFull(in, buf); err != nil || string(buf) != "ping" {
			t.Fatalf("read %q, %v", buf, err)
		}
		b.Streams().Close()
		if _, err := out.Read(buf); err == nil {
			t.Error("a stream outlived its lane")
		}
		if _, _, err := b.Streams().Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept on a closed lane: %v", err)
		}
		_, err = a.Streams().Dial("n2@b", "two", time.Second)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason != NotServing {
			t.Errorf("dial to a closed lane: %v", err)
		}
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); err != nil {
			t.Errorf("the lane of requests ended as well: %v", err)
		}
		if got := a.Streams().Addr().String(); got != "one" {
			t.Errorf("the advertised address is %q", got)
		}
	})
}

func TestAskNeedsNoClusterAndLearnsWhoAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		h := &recorder{}
		a := open(t, n, "n1@a", "", &recorder{})
		b := open(t, n, "n2@b", "", h)
		server, got, err := a.Ask(t.Context(), "two", "", Request{Kind: 4, Payload: []byte("who")})
		if err != nil || server != "n2@b" || string(got.Payload) != "who" {
			t.Fatalf("got %q, %v, %v", server, got, err)
		}
		if h.from[0].Lane != Hello {
			t.Errorf("the handler saw lane %d", h.from[0].Lane)
		}
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 4}); err == nil {
			t.Error("a request was served before there was a cluster")
		}
		a.Join("c")
		b.Join("c")
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 4}); err != nil {
			t.Errorf("after Join: %v", err)
		}
	})
}

func TestAHelloConnectionIsNotKeptForEver(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		open(t, n, "n2@b", "", &recorder{})
		conn := dial(t, n)
		defer conn.Close()
		if _, err := greet(t.Context(), conn, Greeting{Hello, "", "n1@a", ""}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		io.ReadAll(conn)
		if took := time.Since(start); took > helloTimeout {
			t.Errorf("it was kept for %v", took)
		}
	})
}

func TestCloseFailsWhatWaitsAndLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		open(t, n, "n2@b", "c", &recorder{answer: func(Request, Responder) {}})
		errs := make(chan error, 3)
		for _, server := range []string{"n2@b", "n3@c", "n2@b"} {
			a.Send(server, Request{Kind: 1}, func(_ Answer, err error) { errs <- err })
		}
		synctest.Wait()
		a.Close()
		for range 3 {
			if err := <-errs; err == nil {
				t.Error("a request was answered")
			}
		}
		if _, err := a.Call(t.Context(), "n2@b", Request{Kind: 1}); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrNotSent) {
			t.Errorf("a call after Close: %v", err)
		}
	})
}

// A server is gone when its host refuses connections: not when it answers, is
// cut off, or cannot be found.
func TestGoneIsOnlyWhatRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, n *pipe.Network) {
		a := open(t, n, "n1@a", "c", &recorder{})
		b := open(t, n, "n2@b", "c", &recorder{})
		gone := func(server string) bool { return a.Gone(t.Context(), server) }
		if gone("n2@b") {
			t.Error("a server that answers is gone")
		}
		n.Cut("one", "two")
		if gone("n2@b") {
			t.Error("a server that is cut off is gone")
		}
		n.Mend("one", "two")
		b.Close()
		if !gone("n2@b") {
			t.Error("a server whose port refuses is not gone")
		}
		if gone("n9@z") {
			t.Error("an unknown server is gone")
		}
		open(t, n, "n2@b", "other", &recorder{})
		if gone("n2@b") {
			t.Error("a server that refuses our greeting is gone")
		}
	})
}
