package cluster

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// A server whose name or address cannot stand in a line of text is not admitted:
// both are told to clients and operators for as long as it is a member.
func TestAServerOfAHostileNameOrAddressIsNotAdmitted(t *testing.T) {
	inCluster(t, func(w *world) {
		leader := w.running["n1"].service
		before := len(leader.attached.Load().member.Servers())
		for _, q := range []admitQuestion{
			{Server: "n9\r\nrole:master@9", PeerAddr: "host9:1"},
			{Server: "n9@" + strings.Repeat("9", 300), PeerAddr: "host9:1"},
			{Server: "n9@9", PeerAddr: "host9\r\nrole:master:1"},
			{Server: "n9@9", PeerAddr: "host9 myself,master:1"},
			{Server: "n9@9", PeerAddr: strings.Repeat("h", 300) + ":1"},
			{Server: "n9@\x1b[2J", PeerAddr: "host9:1"},
		} {
			q.Joining, q.Explicit, q.Boot = true, true, 1
			_, err := leader.admit(w.t.Context(), q)
			if _, ok := errors.AsType[*Refused](err); !ok {
				t.Errorf("%q at %.40q: %v", q.Server, q.PeerAddr, err)
			}
		}
		if now := len(leader.attached.Load().member.Servers()); now != before {
			t.Errorf("%d servers became %d", before, now)
		}
	})
}

// FuzzMessages decodes anything as each message between servers: there is no
// panic, and what is decoded is no larger than a small multiple of its bytes.
func FuzzMessages(f *testing.F) {
	f.Add(encode(helloQuestion{List: []Listed{{ID: "n1", PeerAddr: "h:1"}}}))
	f.Add(encode(helloAnswer{Server: "n1@1", Promise: &member.Formation{Cluster: "c", Servers: []member.Server{{ID: "n1@1"}}}}))
	f.Add(encode(admitQuestion{Server: "n1@1", PeerAddr: "h:1", Boot: 1 << 63}))
	f.Add(encode(invitation{Cluster: "c", Seeds: []string{"h:1"}, Voter: true}))
	f.Add(encode(changeQuestion{Op: opRemove, Server: "n1@1"}))
	f.Add(appendCapture(nil, Capture{Version: 1, Index: 2, Whole: true}, Kept))
	f.Add(appendNumbers(nil, 1<<64-1, 0, 1<<63))
	f.Add([]byte(strings.Repeat(`{"list":[`, 5000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, message := range []any{
			new(helloQuestion), new(helloAnswer), new(member.Formation), new(admitQuestion), new(admitAnswer),
			new(invitation), new(inviteAnswer), new(changeQuestion), new(changeAnswer),
		} {
			if err := decode(data, message); err == nil && len(data) > messageBytesMax {
				t.Errorf("%d bytes were decoded as %T", len(data), message)
			} else if err == nil {
				if again, err := json.Marshal(message); err != nil || len(again) > 16*len(data)+4096 {
					t.Errorf("%T of %d bytes has %d: %v", message, len(data), len(again), err)
				}
			}
		}
		_, _, _ = decodeCapture(data)
		var a, b, c, d, e uint64
		if rest, err := cutNumbers(data, &a, &b, &c, &d, &e); err == nil && len(rest) != len(data)-40 {
			t.Errorf("%d bytes are left of %d", len(rest), len(data))
		}
		if len(data) > 0 {
			_ = errorOf(peer.Answer{Status: data[0], Payload: data[1:]})
		}
	})
}
