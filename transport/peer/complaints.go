package peer

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// complaints logs what anybody may cause as often as he likes: the first time, and
// then now and again, with the number of times.
type complaints struct {
	log   *slog.Logger
	level slog.Level
	what  string

	mu    sync.Mutex
	next  time.Time // when the next line is due
	count int       // since the last line
}

func (c *complaints) note(err error, details ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	now := time.Now()
	if now.Before(c.next) {
		return
	}
	c.log.Log(context.Background(), c.level, c.what, append(details, slog.Int("times", c.count), slog.Any("error", err))...)
	c.count, c.next = 0, now.Add(complainEvery)
}
