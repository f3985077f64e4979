package fsm

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kvorum/kvorum/fsm/entry"
	"github.com/kvorum/kvorum/fsm/keyspace"
	"github.com/kvorum/kvorum/fsm/rdb"
	"github.com/kvorum/kvorum/fsm/setting"
)

// ErrForeign is the error for a sound RDB file that was not written by Kvorum.
var ErrForeign = errors.New("fsm: the file is not a snapshot of Kvorum")

// Restore reads a whole snapshot, checksum and structure included, or returns an error.
// The error for the snapshot of a later release is a *NewerError.
func Restore(r io.Reader) (*Machine, error) { return RestoreLimited(r, NewestVersion) }

// RestoreLimited is Restore for a program that knows no version above newest.
func RestoreLimited(r io.Reader, newest uint8) (*Machine, error) {
	s := restoring{keep: true, newest: newest}
	if err := s.read(r); err != nil {
		return nil, err
	}
	if forgetsSessions() {
		clear(s.machine.sessions)
	}
	return s.machine, nil
}

// Verify reads a snapshot to its end without keeping it, and returns the index at which
// it was taken.
func Verify(r io.Reader) (index uint64, err error) {
	s := restoring{newest: NewestVersion}
	if err := s.read(r); err != nil {
		return 0, err
	}
	return s.head.index, nil
}

// restoring is a snapshot being read. Its fields must come in the order in which a
// Capture writes them, followed by the objects.
type restoring struct {
	newest  uint8 // the newest machine version that can be read
	keep    bool  // whether to keep the objects; else they are only counted
	brief   bool  // whether to stop after the fields that Describe needs
	place   *Place
	machine *Machine
	head    head
	stage   stage
	session *session // the last one read
	pieces  []int    // for each of its unfinished commands, how many pieces must follow
	objects [keyspace.Databases]int
}

// stage says what has been read so far.
type stage uint8

const (
	atStart stage = iota
	afterHead
	afterSettings
	afterServers // sessions follow
)

// read reads a file until its end, or until the description is complete.
func (s *restoring) read(r io.Reader) error {
	in := rdb.NewReader(r)
	if !s.keep {
		in.SkipValues()
	}
	for {
		event, err := in.Next()
		if err == nil {
			err = s.take(&event)
		}
		if err != nil {
			return fmt.Errorf("fsm: read snapshot: %w", err)
		}
		if event.Kind == rdb.End || s.brief && s.stage == afterServers {
			return nil
		}
	}
}

// take handles one event of the file.
func (s *restoring) take(event *rdb.Event) error {
	switch event.Kind {
	case rdb.Aux:
		switch {
		case event.Key == placeField:
			return s.placed(event.Value)
		case !strings.HasPrefix(event.Key, headField):
			return nil
		}
		return s.field(event.Key, event.Value)
	case rdb.Database, rdb.Size:
		return s.complete()
	case rdb.String:
		return s.object(event)
	case rdb.End:
		if err := s.complete(); err != nil {
			return err
		}
		return s.count()
	}
	return nil
}

// complete makes sure that every field has been read.
func (s *restoring) complete() error {
	switch {
	case s.stage == atStart:
		return ErrForeign
	case s.stage != afterServers || len(s.pieces) > 0:
		return errors.New("fields of the machine are missing")
	}
	return nil
}

// count makes sure that every object has been read, and none twice.
func (s *restoring) count() error {
	if s.objects != s.head.objects {
		return fmt.Errorf("it has %v objects where %v were captured", s.objects, s.head.objects)
	}
	if s.keep && s.machine.Capture().head.objects != s.head.objects {
		return errors.New("an object is in it twice")
	}
	return nil
}

// field reads one of the machine's own fields, which must be the one that is due.
func (s *restoring) field(name string, value []byte) (err error) {
	m := s.machine
	switch {
	case name == partField && len(s.pieces) > 0:
		return s.piece(value)
	case len(s.pieces) > 0:
	case name == headField && s.stage == atStart:
		s.stage = afterHead
		return s.open(value)
	case name == settingsField && s.stage == afterHead:
		s.stage = afterSettings
		m.settings, err = setting.Decode(value)
		return err
	case name == serversField && s.stage == afterSettings:
		s.stage = afterServers
		m.servers, err = decodeServers(value)
		return err
	case name == sessionField && s.stage == afterServers:
		return s.openSession(value)
	}
	return fmt.Errorf("field %q is unknown, or not in its place", name)
}

// open reads the head and makes the machine.
func (s *restoring) open(value []byte) (err error) {
	if s.head, err = decodeHead(value, s.newest); err != nil {
		return err
	}
	if err := s.checkPlace(); err != nil {
		return err
	}
	m := NewLimited(s.newest)
	m.version = s.head.version
	m.index, m.hash, m.keyed, m.ordinal = s.head.index, s.head.hash, s.head.keyed, s.head.ordinal
	m.keys = keyspace.New(s.head.hashKey)
	m.keys.Advance(s.head.clockMS)
	s.machine = m
	return nil
}

// openSession reads a session. The pieces of its unfinished commands follow.
func (s *restoring) openSession(value []byte) error {
	m := s.machine
	server, session, pieces, err := decodeSession(value, m.version)
	if err != nil {
		return err
	}
	if m.sessions[server] != nil || !m.isMember(server) || len(m.sessions) >= sessionsMax || session.ordinal > m.ordinal {
		return fmt.Errorf("the session of %q does not belong into it", server)
	}
	m.sessions[server], s.session, s.pieces = session, session, pieces
	return nil
}

// piece reads one part of an unfinished command of the last session.
func (s *restoring) piece(value []byte) error {
	p := &s.session.parts
	u := &p.unfinished[len(p.unfinished)-len(s.pieces)]
	if len(value) > entry.PartBytesMax || len(u.ends) > 0 && s.machine.version >= 2 && len(value) > u.ends[0] {
		return errors.New("a part of a command is too large")
	}
	if s.keep {
		u.put(value)
	} else {
		u.ends = append(u.ends, u.bytes()+len(value))
	}
	if s.machine.version < 2 && u.bytes() > partsBytesMax || s.machine.version >= 2 && p.announced() > announcedBytesMax {
		return errors.New("the parts of a session are too large")
	}
	if s.pieces[0]--; s.pieces[0] == 0 {
		s.pieces = s.pieces[1:]
	}
	return nil
}

// object reads one object with the field that belongs to it.
func (s *restoring) object(event *rdb.Event) error {
	if event.DB >= keyspace.Databases {
		return fmt.Errorf("an object in database %d", event.DB)
	}
	s.objects[event.DB]++
	draft := keyspace.Draft{Str: event.Value, Keep: true, DeadlineMS: event.DeadlineMS}
	if len(event.Fields) != 1 || event.Fields[0].Name != objectField {
		return fmt.Errorf("an object of database %d does not have the one field that belongs to it", event.DB)
	}
	if err := decodeObject(event.Fields[0].Value, &draft, s.head.clockMS); err != nil {
		return err
	}
	if s.keep {
		draft.Key = []byte(event.Key)
		s.machine.keys.Put(event.DB, draft)
	}
	return nil
}
