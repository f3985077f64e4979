package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kvorum/kvorum/scripts/client"
)

// large measures small writes beside SETs of largeBytes through the same node, first the
// leader and then a follower.
func large(ctx context.Context, c *cluster, rounds int) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	follower := c.nodes[0]
	if follower == leader {
		follower = c.nodes[1]
	}
	value := strings.Repeat("v", largeBytes)
	for range rounds {
		if err := errors.Join(besideLarge(leader, "the leader", value), besideLarge(follower, "a follower", value)); err != nil {
			return err
		}
	}
	return nil
}

func besideLarge(n *node, title, value string) error {
	done := make(chan struct{})
	var failed error
	began := time.Now()
	go func() {
		defer close(done)
		sender := client.Conn{Addr: n.addr}
		defer sender.Close()
		if answer, err := sender.Do("SET", "large", value); err != nil || answer.IsError() {
			failed = fmt.Errorf("the large SET: %s %v", answer.Bytes, err)
		}
	}()
	beside, err := delays(n, largeKeys, done)
	<-done
	if err != nil || failed != nil {
		return fmt.Errorf("writes: %w; beside them: %w", err, failed)
	}
	report("large", fmt.Sprintf("beside a SET of %d MB in %v through %s", len(value)>>20, time.Since(began).Round(time.Millisecond), title), beside)
	return nil
}
