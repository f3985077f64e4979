package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// roller counts its own key up through a client that people use, with its
// defaults, whose connections go to whichever node takes them: its own first.
// Such a client sends a command again when its connection ends without an
// answer: it may see no error, and no number twice or left out.
type roller struct {
	key    string
	client *redis.Client
}

func startRollers(c *cluster, name string, l *load) {
	for first := range c.nodes {
		r := &roller{
			key:    fmt.Sprintf("%s:go-redis:%d", name, first),
			client: redis.NewClient(&redis.Options{Addr: "any", Dialer: c.dialAny(first)}),
		}
		l.running.Go(func() { l.roll(r) })
	}
}

// dialAny connects to the first node in turn that accepts.
func (c *cluster) dialAny(first int) func(ctx context.Context, _, _ string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var failed []error
		for i := range c.nodes {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.nodes[(first+i)%len(c.nodes)].addr)
			if err == nil {
				return conn, nil
			}
			failed = append(failed, err)
		}
		return nil, errors.Join(failed...)
	}
}

func (l *load) roll(r *roller) {
	defer r.client.Close()
	ctx := context.Background()
	for last := int64(0); !l.stopped.Load(); {
		began := time.Now()
		got, err := r.client.Incr(ctx, r.key).Result()
		switch {
		case err != nil:
			l.tally.failedThrough("go-redis", err)
			time.Sleep(retryPause)
			last, _ = r.client.Get(ctx, r.key).Int64() // whatever became of it
			continue
		case got <= last:
			l.tally.violation("LOST: %s was %d and then %d", r.key, last, got)
		case got > last+1:
			l.tally.violation("DOUBLED: %s through go-redis was %d and then %d", r.key, last, got)
		}
		last = got
		l.tally.took(time.Since(began))
	}
}
