package fsm

import (
	"slices"
	"sync"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/fsm/reply"
	"github.com/kvorum/kvorum/fsm/setting"
)

// Status says what became of one batch.
type Status uint8

// What may become of a batch.
const (
	Applied    Status = iota + 1 // it ran now; Replies has one value per command
	Registered                   // its session is open, now or already
	Partial                      // a Part that is not the last; kept
	Duplicate                    // applied before; Replies are the stored ones
	Forgotten                    // applied before; its replies are no longer stored
	Dropped                      // at or below the acknowledged mark; nobody waits for it
	Gap                          // not the session's next number; refused, to be sent again in order
	Unknown                      // its session is not open (or of another boot); refused
	Stranger                     // Register by a server outside the configuration or with a lower boot; refused
)

// Outcome is what became of one batch of an entry. A Part that is not the last
// has no replies; a last Part whose earlier ones were not kept has one, an error.
type Outcome struct {
	entry.Session
	Number  uint64
	Status  Status
	Next    uint64 // Gap: the number that the session must send next
	Replies []reply.Value
	Lookups command.Lookups // Applied: those of its commands
}

// Machine is the replicated state: keyspace, sessions, settings, clock. It is
// not safe for concurrent use: Apply and Configure need it alone; everything
// else may run beside Read.
//
// Invariants:
//  1. index never goes back, nor does the keyspace's clock.
//  2. A session's server is in servers.
//  3. Of a session, the numbers up to last have been applied, each once and in
//     order, and acked ≤ last; stored holds replies of numbers in (acked, last] only.
//  4. Everything but the last group of fields is a function of the entries
//     applied, and is in a snapshot.
type Machine struct {
	version  uint8 // the active one
	index    uint64
	hash     uint64 // of all entries and replies, chained
	keyed    bool   // the first entry's seed has given the keyspace its hash key
	ordinal  uint64 // registrations so far
	keys     *keyspace.Keyspace
	settings *setting.Values
	servers  []member.Server
	sessions map[string]*session // by server

	newest    uint8        // the newest version that this program applies
	asked     entry.Digest // by the last entry
	broken    error        // a broken invariant: nothing is applied any more
	decoder   entry.Decoder
	chain     chain
	context   command.Context // of the command that is being applied
	name      [nameBytesMax]byte
	contexts  sync.Pool // of reads
	capturing sync.Mutex
	onPanic   func(command string, cause any)
}

// New makes the empty machine.
func New() *Machine { return NewLimited(NewestVersion) }

// NewLimited makes the empty machine of a program that knows no version above
// newest, as an earlier release does.
func NewLimited(newest uint8) *Machine {
	return &Machine{
		version:  OldestVersion,
		newest:   newest,
		keys:     keyspace.New([16]byte{}),
		settings: setting.NewValues(),
		sessions: make(map[string]*session),
		contexts: sync.Pool{New: func() any { return new(command.Context) }},
	}
}

// Index is the index of the last entry applied or configuration recorded.
func (m *Machine) Index() uint64 { return m.index }

// ClockMS is the largest stamp applied.
func (m *Machine) ClockMS() int64 { return m.keys.ClockMS() }

// Hash is the running hash of all entries applied and replies given, since the first.
func (m *Machine) Hash() uint64 { return m.hash }

// Asked is what the last entry asked every node to note of its machine, which
// is still as that entry left it.
func (m *Machine) Asked() entry.Digest { return m.asked }

// NextDeadlineMS is the earliest moment at which something falls due (a key's
// deadline, including one already passed that awaits its purge, or that of a
// command whose parts have ceased to come).
func (m *Machine) NextDeadlineMS() (int64, bool) {
	next, some := m.keys.NextDeadlineMS()
	if m.version < 2 {
		return next, some
	}
	// any order: the earliest counts
	for _, s := range m.sessions {
		for i := range s.parts.unfinished {
			if due := s.parts.unfinished[i].deadlineMS(); !some || due < next {
				next, some = due, true
			}
		}
	}
	return next, some
}

// Servers returns the configuration that the machine has last recorded.
func (m *Machine) Servers() []member.Server { return slices.Clone(m.servers) }

// Settings returns a copy of the replicated settings.
func (m *Machine) Settings() *setting.Values { return m.settings.Clone() }

// BulkMax is the replicated setting proto-max-bulk-len.
func (m *Machine) BulkMax() int64 { return m.settings.BulkMax() }

// Expired is how many keys this machine has removed because their deadline had
// passed, since it was made: no part of its state.
func (m *Machine) Expired() uint64 { return m.keys.Expired() }

// DatabaseInfo is what INFO keyspace shows of a database.
type DatabaseInfo struct {
	Objects   int
	Deadlines int   // objects with a deadline
	MeanTTLMS int64 // the mean of what is left to those
}

// Databases describes each database.
func (m *Machine) Databases() [keyspace.Databases]DatabaseInfo {
	var infos [keyspace.Databases]DatabaseInfo
	for db := range infos {
		count, mean := m.keys.Deadlines(db)
		infos[db] = DatabaseInfo{Objects: m.keys.Len(db), Deadlines: count, MeanTTLMS: mean}
	}
	return infos
}

// Configure records the servers of the configuration entry stored at index.
// Sessions of servers that are no longer in it end.
func (m *Machine) Configure(index uint64, servers []member.Server) error {
	if m.broken != nil {
		return m.broken
	}
	if index <= m.index {
		return nil
	}
	m.index, m.asked = index, entry.NoDigest
	m.servers = slices.Clone(servers)
	for _, server := range sortedKeys(m.sessions) {
		if !m.isMember(server) {
			delete(m.sessions, server)
		}
	}
	m.chain.begin(m.hash, index)
	m.chain.write(appendServers(nil, m.servers))
	m.hash = m.chain.end()
	return nil
}

func (m *Machine) isMember(server string) bool {
	return slices.ContainsFunc(m.servers, func(s member.Server) bool { return s.ID == server })
}
