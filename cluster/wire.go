package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// The kinds of requests between servers. Their numbers never change.
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
	kindSettle    peer.Kind = 10 // empty both ways: do not ask by yourself to be made a voter
	kindDoubt     peer.Kind = 11 // empty both ways: ask whether you still have your place
	kindVersions  peer.Kind = 12 // answer: oldest and newest known version of the machine, boot, flags, release
	kindBeat      peer.Kind = 13 // beats.go; payload: the leader's term, how long its disk owes (ns); answer: the same of the voter's disk
	kindSilence   peer.Kind = 14 // beats.go; payload: the asker's term, its last entry's index and term, flags, the leader's name

	kindCapture peer.Kind = 16 // payload: an index; answer: see appendCapture
	kindDigest  peer.Kind = 17 // payload: 1 for the whole state; answer by the leader: the index
)

// The flags of a state answer. All other bits are free.
const (
	stateNeverLeads uint64 = 1
	stateDiverged   uint64 = 2
)

// The statuses of answers. Their numbers never change.
const (
	statusOK        uint8 = 0
	statusNotLeader uint8 = 1
	statusBusy      uint8 = 2
	statusStarting  uint8 = 3
	statusRefused   uint8 = 4 // the payload says why
	statusUnknown   uint8 = 5 // unknown outcome; the payload says why
	statusNoSuch    uint8 = 6 // the kind of request is unknown, or not allowed in this lane
	statusNotYet    uint8 = 7 // the payload says what stands in the way
)

// answerOf returns the answer that carries an error. Without an error it is an empty success.
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

// errorOf returns the error that an answer carries, or nil if there is none.
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

// cutNumbers reads numbers from the front of b and returns the rest.
func cutNumbers(b []byte, numbers ...*uint64) ([]byte, error) {
	if len(b) < 8*len(numbers) {
		return nil, errShort
	}
	for _, n := range numbers {
		*n, b = binary.LittleEndian.Uint64(b), b[8:]
	}
	return b, nil
}

// Listed is one member in the list that an operator gives to every server for its first start.
type Listed struct {
	ID       string `json:"id"`
	PeerAddr string `json:"peer_addr"`
}

// helloQuestion asks a server who it is and where it stands.
type helloQuestion struct {
	List []Listed `json:"list"` // the asker's list
}

// helloAnswer says who a server is and where it stands in its first start.
type helloAnswer struct {
	Server  string            `json:"server"`
	List    []Listed          `json:"list"`
	Cluster string            `json:"cluster,omitempty"` // "": fresh
	Promise *member.Formation `json:"promise,omitempty"`
	Begun   bool              `json:"begun,omitempty"`   // it knows a configuration, so its cluster exists
	Process string            `json:"process"`           // tells apart two processes of one server
	Rebuilt bool              `json:"rebuilt,omitempty"` // it replaces a damaged server and does not know its cluster's configuration yet
}

// admitQuestion asks the leader for a place in the cluster.
type admitQuestion struct {
	Server   string `json:"server"`
	PeerAddr string `json:"peer_addr"`
	Process  string `json:"process"`
	Boot     uint64 `json:"boot"`
	Cluster  string `json:"cluster,omitempty"` // the cluster to which the asker is bound; "" if none
	// Resumes says that this process comes back: its member is not open, and it has not registered
	// its boot number yet.
	Resumes bool `json:"resumes,omitempty"`
	// Joining says that the server has never held an entry or a promise. So it may be added, in
	// place of an earlier server with its id.
	Joining bool `json:"joining,omitempty"`
	// Explicit says that the server was told to join a running cluster. So no list needs to name
	// it.
	Explicit bool `json:"explicit,omitempty"`
	// Knock only asks whether the leader would admit the server, and to which cluster.
	Knock bool `json:"knock,omitempty"`
	// Vote asks to be made a voter once the server has caught up.
	Vote bool `json:"vote,omitempty"`
	// Chosen says that the operator chose PeerAddr: if the configuration has another address, the
	// server has moved.
	Chosen bool `json:"chosen,omitempty"`
}

// admitAnswer says what role the asker has now.
type admitAnswer struct {
	Cluster string `json:"cluster"`
	Server  bool   `json:"server,omitempty"` // it is in the committed configuration
	Voter   bool   `json:"voter,omitempty"`
	Waits   string `json:"waits,omitempty"` // what keeps it from becoming a voter
}

func encode(message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("cluster: a message cannot be encoded: %v", err)) // plain structs always can
	}
	return b
}

// decode decodes a message, unless it is too large.
func decode(b []byte, message any) error {
	if len(b) > messageBytesMax {
		return fmt.Errorf("a message of %d bytes", len(b))
	}
	if err := json.Unmarshal(b, message); err != nil {
		return fmt.Errorf("decode a message: %w", err)
	}
	return nil
}
