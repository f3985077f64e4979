package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// The kinds of requests between servers. The numbers never change.
const (
	kindForward   peer.Kind = 1  // payload: an encoded batch
	kindReadIndex peer.Kind = 2  // payload: the asker's term; answer: index, term, stamp
	kindTerm      peer.Kind = 3  // answer: term
	kindState     peer.Kind = 4  // answer: stored, applied, term, wall clock (ns), flags, leader's name
	kindHello     peer.Kind = 5  // helloQuestion, helloAnswer
	kindPromise   peer.Kind = 6  // member.Formation; the answer is empty
	kindAdmit     peer.Kind = 7  // admitQuestion, admitAnswer
	kindChange    peer.Kind = 8  // changeQuestion, changeAnswer
	kindInvite    peer.Kind = 9  // invitation, inviteAnswer
	kindSettle    peer.Kind = 10 // nothing either way: never ask by yourself to be made a voter
	kindDoubt     peer.Kind = 11 // nothing either way: ask whether you still have your place
	kindVersions  peer.Kind = 12 // answer: oldest and newest version of the machine that are known, boot, flags
	kindBeat      peer.Kind = 13 // beats.go; payload: the leader's term, what its disk owes (ns); answer: what the voter's owes
	kindSilence   peer.Kind = 14 // beats.go; payload: the asker's term, the index and term of its last entry, flags, the leader's name

	kindCapture peer.Kind = 16 // payload: an index; answer: appendCapture's
	kindDigest  peer.Kind = 17 // payload: 1 for the whole state; answer: the index, from the leader
)

// The flags of a state answer. The others are free.
const (
	stateNeverLeads uint64 = 1
	stateDiverged   uint64 = 2
)

// The statuses of answers. The numbers never change.
const (
	statusOK        uint8 = 0
	statusNotLeader uint8 = 1
	statusBusy      uint8 = 2
	statusStarting  uint8 = 3
	statusRefused   uint8 = 4 // the payload says why
	statusUnknown   uint8 = 5 // unknown outcome; the payload says why
	statusNoSuch    uint8 = 6 // the kind of request is unknown, or not for this lane
	statusNotYet    uint8 = 7 // the payload says what stands in the way
)

// answerOf is the answer that carries an error.
func answerOf(err error) peer.Answer {
	var r *Refused
	var later *notYet
	switch {
	case err == nil:
		return peer.Answer{}
	case errors.As(err, &later):
		return peer.Answer{Status: statusNotYet, Payload: []byte(later.text)}
	case errors.As(err, &r):
		return peer.Answer{Status: statusRefused, Payload: []byte(r.Text)}
	case errors.Is(err, ErrNotLeader):
		return peer.Answer{Status: statusNotLeader}
	case errors.Is(err, ErrBusy):
		return peer.Answer{Status: statusBusy}
	case errors.Is(err, ErrStarting):
		return peer.Answer{Status: statusStarting}
	}
	return peer.Answer{Status: statusUnknown, Payload: []byte(err.Error())}
}

// errorOf is the error that an answer carries, nil for none.
func errorOf(a peer.Answer) error {
	switch a.Status {
	case statusOK:
		return nil
	case statusNotLeader:
		return ErrNotLeader
	case statusBusy:
		return ErrBusy
	case statusStarting:
		return ErrStarting
	case statusRefused:
		return &Refused{string(a.Payload)}
	case statusNotYet:
		return &notYet{string(a.Payload)}
	case statusUnknown:
		return fmt.Errorf("the other server failed: %s", a.Payload)
	}
	return fmt.Errorf("the other server answered with status %d", a.Status)
}

var errShort = errors.New("cluster: an answer is too short")

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return dst
}

// cutNumbers reads numbers from the front of b.
func cutNumbers(b []byte, numbers ...*uint64) ([]byte, error) {
	if len(b) < 8*len(numbers) {
		return nil, errShort
	}
	for _, n := range numbers {
		*n, b = binary.LittleEndian.Uint64(b), b[8:]
	}
	return b, nil
}

// Listed is one member of the list that an operator gives every server for its
// first start.
type Listed struct {
	ID       string `json:"id"`
	PeerAddr string `json:"peer_addr"`
}

// helloQuestion asks a server who it is and where it stands.
type helloQuestion struct {
	List []Listed `json:"list"` // the asker's
}

// helloAnswer says where a server stands in its first start.
type helloAnswer struct {
	Server  string            `json:"server"`
	List    []Listed          `json:"list"`
	Cluster string            `json:"cluster,omitempty"` // "": fresh
	Promise *member.Formation `json:"promise,omitempty"`
	Begun   bool              `json:"begun,omitempty"`   // it knows a configuration: its cluster exists
	Process string            `json:"process"`           // tells apart two processes of one server
	Rebuilt bool              `json:"rebuilt,omitempty"` // in the place of a damaged server, and not in a cluster yet
}

// admitQuestion asks the leader for a place in the cluster.
type admitQuestion struct {
	Server   string `json:"server"`
	PeerAddr string `json:"peer_addr"`
	Process  string `json:"process"`
	Boot     uint64 `json:"boot"`
	Cluster  string `json:"cluster,omitempty"` // to which the asker is bound, "" if to none yet
	// Resumes says that the process has not registered its boot yet: it comes
	// back, and its member is not open.
	Resumes bool `json:"resumes,omitempty"`
	// Joining says that the server has never held an entry or a promise, and so
	// may be added, in place of an earlier server of its id.
	Joining bool `json:"joining,omitempty"`
	// Explicit says that it was told to join a running cluster, and so needs to
	// be known to nobody.
	Explicit bool `json:"explicit,omitempty"`
	// Knock only asks whether the answer would be yes, and of which cluster.
	Knock bool `json:"knock,omitempty"`
	// Vote asks to be made a voter as soon as it has caught up.
	Vote bool `json:"vote,omitempty"`
	// Chosen says that PeerAddr is what its operator has chosen: if the
	// configuration has another address, the server has moved.
	Chosen bool `json:"chosen,omitempty"`
}

// admitAnswer says what the asker is now.
type admitAnswer struct {
	Cluster string `json:"cluster"`
	Server  bool   `json:"server,omitempty"` // it is in the committed configuration
	Voter   bool   `json:"voter,omitempty"`
	Waits   string `json:"waits,omitempty"` // what it has to do to become a voter
}

func encode(message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("cluster: a message cannot be encoded: %v", err)) // plain structs always can
	}
	return b
}

func decode(b []byte, message any) error {
	if len(b) > messageBytesMax {
		return fmt.Errorf("a message of %d bytes", len(b))
	}
	if err := json.Unmarshal(b, message); err != nil {
		return fmt.Errorf("decode a message: %w", err)
	}
	return nil
}
