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

// Status says what happened to one batch.
type Status uint8

// The statuses of a batch.
const (
	Applied    Status = iota + 1 // it ran now; Replies has one value per command
	Registered                   // its session is open, since now or since before
	Partial                      // a Part that is not the last of its command
	Duplicate                    // applied before; Replies holds the stored ones
	Forgotten                    // applied before, but its replies are no longer stored
	Dropped                      // at or below the acknowledged number; nobody waits for it
	Gap                          // beyond the session's next number; refused, must be sent again in order
	Unknown                      // its session is not open, or has another boot number; refused
	Stranger                     // Register by a server outside the configuration or with a lower boot; refused
)

// Outcome is the result of one batch of an entry. A Part that is not the last has no
// replies. A last Part whose earlier parts are missing has one reply, an error.
type Outcome struct {
	entry.Session
	Number  uint64
	Status  Status
	Next    uint64 // Gap: the number that the session must send next
	Replies []reply.Value
	Lookups command.Lookups // Applied: the key lookups of its commands
}

// Machine is the replicated state: keyspace, sessions, settings and clock. It does no
// locking of its own. Nothing may run beside Apply or Configure; everything else may run
// beside Read.
//
// Invariants:
//  1. index never goes back, nor does the keyspace's clock.
//  2. A session's server is in servers.
//  3. Of each session, the numbers up to last have been applied, each once and in
//     order. acked ≤ last. stored holds replies to numbers in (acked, last] only.
//  4. All fields but those of the last group are a function of the applied entries,
//     and are part of a snapshot.
type Machine struct {
	version  uint8 // the active version
	index    uint64
	hash     uint64 // the running hash of all entries and replies
	keyed    bool   // whether the first entry's seed has given the keyspace its hash key
	ordinal  uint64 // registrations so far
	keys     *keyspace.Keyspace
	settings *setting.Values
	servers  []member.Server
	sessions map[string]*session // by server

	newest    uint8        // the newest version that this program applies
	asked     entry.Digest // the digest that the last entry asked for
	broken    error        // a broken invariant: nothing more is applied
	decoder   entry.Decoder
	chain     chain
	context   command.Context // of the command being applied
	name      [nameBytesMax]byte
	contexts  sync.Pool // of reads
	capturing sync.Mutex
	onPanic   func(command string, cause any)
}

// New returns an empty machine.
func New() *Machine { return NewLimited(NewestVersion) }

// NewLimited returns an empty machine that knows no version above newest, as in an
// earlier release.
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

// Index returns the index of the last entry applied or configuration recorded.
func (m *Machine) Index() uint64 { return m.index }

// ClockMS returns the machine's clock: the largest stamp applied.
func (m *Machine) ClockMS() int64 { return m.keys.ClockMS() }

// Hash returns the running hash of all entries applied and replies given since the first.
func (m *Machine) Hash() uint64 { return m.hash }

// Asked returns which digest the last entry asked every node to record. The machine is
// still as that entry left it.
func (m *Machine) Asked() entry.Digest { return m.asked }

// NextDeadlineMS returns the earliest deadline: of a key (even one that has expired and
// is not purged yet), or of a command whose parts have stopped coming.
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

// Servers returns the configuration that the machine recorded last.
func (m *Machine) Servers() []member.Server { return slices.Clone(m.servers) }

// Settings returns a copy of the replicated settings.
func (m *Machine) Settings() *setting.Values { return m.settings.Clone() }

// BulkMax returns the replicated setting proto-max-bulk-len.
func (m *Machine) BulkMax() int64 { return m.settings.BulkMax() }

// Expired returns how many keys this machine has removed because they had expired. The
// count begins when the machine is made, and is not part of its state.
func (m *Machine) Expired() uint64 { return m.keys.Expired() }

// DatabaseInfo holds what INFO keyspace shows about one database.
type DatabaseInfo struct {
	Objects   int
	Deadlines int   // objects with a deadline
	MeanTTLMS int64 // their mean time to live
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

// Configure records the servers of the configuration entry stored at index. It ends the
// sessions of servers that are no longer in the configuration.
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
