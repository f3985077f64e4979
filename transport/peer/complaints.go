package peer

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// complaints logs an event that strangers can cause as often as they like. It logs the first one,
// then one line per complainEvery with the number of events.
type complaints struct {
	log   *slog.Logger
	level slog.Level
	what  string

	mu    sync.Mutex
	next  time.Time // when the next line is due
	count int       // events since the last line
}

// note counts an event and logs a line if one is due.
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
