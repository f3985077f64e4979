package resp

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync/atomic"
	"time"

	"github.com/kvorum/kvorum/fsm/setting"
)

// liveSettings holds the settings in the form in which connections read them.
type liveSettings struct {
	password     atomic.Pointer[[sha256.Size]byte] // its SHA-256 digest; nil: no password
	maxClients   atomic.Int64
	bulkBytes    atomic.Int64
	commandBytes atomic.Int64
	idleTimeout  atomic.Int64
	keepAlive    atomic.Int64
	output       atomic.Pointer[OutputLimit]
	stallMax     atomic.Int64
	percentiles  atomic.Pointer[[]float64] // of INFO latencystats
}

// set stores all settings, with Redis's defaults in place of zero values.
func (l *liveSettings) set(s Settings) {
	if s.MaxClients == 0 {
		s.MaxClients = ClientsMax
	}
	if s.BulkBytes == 0 {
		s.BulkBytes = bulkBytesMax
	}
	if s.CommandBytes == 0 {
		s.CommandBytes = commandBytesMax
	}
	if s.KeepAlive == 0 {
		s.KeepAlive = keepAlive
	}
	if s.StallMax == 0 {
		s.StallMax = outputStallMax
	}
	l.setPassword(s.Password)
	l.maxClients.Store(int64(s.MaxClients))
	l.bulkBytes.Store(s.BulkBytes)
	l.commandBytes.Store(s.CommandBytes)
	l.idleTimeout.Store(int64(s.IdleTimeout))
	l.keepAlive.Store(int64(s.KeepAlive))
	l.output.Store(&s.Output)
	l.stallMax.Store(int64(s.StallMax))
	percentiles := setting.PercentilesOf(setting.Find(setting.LatencyPercentiles).Default)
	l.percentiles.Store(&percentiles)
}

func (l *liveSettings) setPassword(password string) {
	if password == "" {
		l.password.Store(nil)
		return
	}
	digest := sha256.Sum256([]byte(password))
	l.password.Store(&digest)
}

// accepts reports whether the user and password are right. Its running time reveals nothing about
// the password. If no password is set, the default user needs none.
func (l *liveSettings) accepts(user, password []byte) bool {
	want := l.password.Load()
	if string(user) != "default" {
		return false
	}
	if want == nil {
		return true
	}
	got := sha256.Sum256(password)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// beyondHard and beyondSoft report whether the bytes pending for a client exceed the limit.
func (l *OutputLimit) beyondHard(pending int64) bool {
	return l.Hard > 0 && pending-outputBytesFree > l.Hard
}

func (l *OutputLimit) beyondSoft(pending int64) bool {
	return l.Soft > 0 && pending-outputBytesFree > l.Soft
}

// SetPassword changes requirepass. Connected clients keep their authentication.
func (s *Server) SetPassword(password string) { s.settings.setPassword(password) }

// MaxClients returns the setting maxclients.
func (s *Server) MaxClients() int { return int(s.settings.maxClients.Load()) }

// SetMaxClients changes maxclients.
func (s *Server) SetMaxClients(n int) { s.settings.maxClients.Store(int64(n)) }

// SetBulkBytes changes proto-max-bulk-len.
func (s *Server) SetBulkBytes(n int64) { s.settings.bulkBytes.Store(n) }

// SetTimeout changes timeout, after which an idle client is disconnected; 0 means never.
func (s *Server) SetTimeout(d time.Duration) { s.settings.idleTimeout.Store(int64(d)) }

// SetCommandBytes changes client-query-buffer-limit.
func (s *Server) SetCommandBytes(n int64) { s.settings.commandBytes.Store(n) }

// SetKeepAlive changes tcp-keepalive for new connections; 0 switches it off.
func (s *Server) SetKeepAlive(d time.Duration) { s.settings.keepAlive.Store(int64(d)) }

// SetOutputLimit changes client-output-buffer-limit of normal clients.
func (s *Server) SetOutputLimit(l OutputLimit) { s.settings.output.Store(&l) }

// SetLatencyTracking changes latency-tracking: whether commands are timed for INFO latencystats.
func (s *Server) SetLatencyTracking(on bool) { s.stats.untimed.Store(!on) }

// SetLatencyPercentiles changes latency-tracking-info-percentiles.
func (s *Server) SetLatencyPercentiles(percents []float64) { s.settings.percentiles.Store(&percents) }
