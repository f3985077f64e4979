package peer

import (
	"errors"
	"fmt"
)

// errNoRoom ends a silent connection that has to make room for others.
var errNoRoom = errors.New("it said nothing while more came than there are places")

// errRests answers requests that are sent between a failed dial and the next one.
var errRests = errors.New("the server could not be reached a moment ago, and is not dialled again yet")

var (
	// ErrRefused matches every refused greeting (see Refusal).
	ErrRefused = errors.New("peer: connection refused")
	// ErrNotSent means that a request never left this process.
	ErrNotSent = errors.New("peer: request not sent")
	// ErrUnknown means that a request may or may not have been carried out, because its connection
	// broke or its caller stopped waiting.
	ErrUnknown = errors.New("peer: outcome unknown")
	// ErrClosed means that this endpoint is closed.
	ErrClosed = errors.New("peer: endpoint closed")
	// ErrCorrupt means that a peer cannot have sent these bytes as a frame or greeting: the
	// checksum is wrong or the length impossible. It ends the connection.
	ErrCorrupt = errors.New("peer: corrupt bytes")
)

// Reason says why a greeting was refused.
type Reason uint8

// The reasons.
const (
	WrongProtocol Reason = iota + 1 // the version of the greeting is unknown
	WrongCluster                    // the server belongs to another cluster
	WrongServer                     // the server is not the one that the greeting names
	NotMember                       // the server belongs to no cluster yet
	NotAdmitted                     // the server takes no connections from the caller
	NotServing                      // the lane is closed, unknown or full
	reasonCount
)

var reasonTexts = [reasonCount]string{
	WrongProtocol: "unknown protocol version",
	WrongCluster:  "wrong cluster",
	WrongServer:   "wrong server",
	NotMember:     "not a member of a cluster yet",
	NotAdmitted:   "not admitted",
	NotServing:    "not serving",
}

func (r Reason) String() string {
	if r == 0 || r >= reasonCount {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasonTexts[r]
}

// Refusal is the error for a greeting that a server refused.
type Refusal struct {
	Reason Reason
	Text   string // for people
	Server string // the server that refused; "" if it did not say
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("server %q refused the connection: %s: %s", r.Server, r.Reason, r.Text)
}

// Is makes errors.Is match every refusal with ErrRefused.
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

func notSent(err error) error { return fmt.Errorf("%w: %w", ErrNotSent, err) }
func unknown(err error) error { return fmt.Errorf("%w: %w", ErrUnknown, err) }
