package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kvorum/kvorum/fsm/member"
	"github.com/kvorum/kvorum/transport/peer"
)

// Versions is the range of machine versions that a program knows.
type Versions struct{ Oldest, Newest uint8 }

// firstRelease describes what the first release knows: one version, and not the question about
// versions.
var firstRelease = Versions{Oldest: 1, Newest: 1}

// knows reports whether a program can run the machine at a version.
func (v Versions) knows(version uint8) bool { return v.Oldest <= version && version <= v.Newest }

// told is a server's answer to the question which versions it knows.
type told struct {
	Versions
	boot    uint64 // boot number of the process that answered
	hold    bool   // its operator holds the upgrade
	release string // the name of its release; "": it did not say
}

// holdFlag is the only flag of a versions answer. All other bits are free.
const holdFlag uint64 = 1

// versions returns this server's own answer.
func (s *Service) versions() told {
	return told{Versions: s.cfg.Versions, boot: s.cfg.Boot, hold: s.cfg.Hold != nil && s.cfg.Hold.UpgradeHeld(), release: releaseText([]byte(s.cfg.Release))}
}

// releaseText returns a release name as another server told it, or "" if it is not a valid one.
func releaseText(name []byte) string {
	if len(name) > releaseBytesMax || slices.ContainsFunc(name, func(b byte) bool { return b <= ' ' || b > '~' }) {
		return ""
	}
	return string(name)
}

// called names a release in parentheses for a message, or returns "" if the name is unknown.
func called(release string) string {
	if release == "" {
		return ""
	}
	return " (kvorum " + release + ")"
}

// serveVersions answers the question about versions, which needs no running member. A program that
// knows only what the first release knows answers as the first release does.
func (h handler) serveVersions(to peer.Responder) {
	own := h.versions()
	if own.Versions == firstRelease {
		to.Answer(peer.Answer{Status: statusNoSuch})
		return
	}
	flags := uint64(0)
	if own.hold {
		flags |= holdFlag
	}
	to.Answer(peer.Answer{Payload: append(appendNumbers(nil, uint64(own.Oldest), uint64(own.Newest), own.boot, flags), own.release...)})
}

// askVersions asks a server which versions it knows. The server may still be starting, or not be a
// member yet.
func (s *Service) askVersions(ctx context.Context, server member.Server) (told, error) {
	if server.ID == s.server {
		return s.versions(), nil
	}
	if t, kept := keptClaim(server.ID); kept {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	_, a, err := s.endpoint.Ask(ctx, server.PeerAddr, server.ID, peer.Request{Kind: kindVersions})
	switch {
	case err != nil:
		return told{}, err
	case a.Status == statusNoSuch:
		return told{Versions: firstRelease}, nil
	}
	if err := errorOf(a); err != nil {
		return told{}, err
	}
	var oldest, newest, flags uint64
	t := told{}
	rest, err := cutNumbers(a.Payload, &oldest, &newest, &t.boot, &flags)
	if err != nil {
		return told{}, err
	}
	if oldest < 1 || newest < oldest || newest > 255 {
		return told{}, errors.New("its versions are out of range")
	}
	t.Versions, t.hold = Versions{uint8(oldest), uint8(newest)}, flags&holdFlag != 0
	t.release = releaseText(rest)
	keepClaim(server.ID, t)
	return t, nil
}

// judgeVersion refuses a server whose program cannot run the machine at its active version. It asks
// that server in a question of its own, because an additional field in the join request would be
// malformed to an earlier release.
func (s *Service) judgeVersion(ctx context.Context, a *attached, q admitQuestion) error {
	active := a.replicated.Version()
	if active == firstRelease.Newest && s.cfg.Versions.Oldest == firstRelease.Oldest || q.Server == s.server {
		return nil // the asker is of the first release, or of a later one that still knows its version
	}
	t, err := s.askVersions(ctx, member.Server{ID: q.Server, PeerAddr: q.PeerAddr})
	switch {
	case err != nil:
		return &notYet{fmt.Sprintf("%s at %s does not tell which versions of the machine it knows: %v", q.Server, q.PeerAddr, err)}
	case t.Newest < active:
		return &Refused{fmt.Sprintf("%s runs a release%s that knows machine version %d at most, and this cluster is at version %d: start it with the release that the other nodes run%s; its data directory is sound",
			q.Server, called(t.release), t.Newest, active, called(s.cfg.Release))}
	case t.Oldest > active:
		return &Refused{fmt.Sprintf("%s runs a release%s that knows no machine version below %d, and this cluster, whose leader runs another%s, is at version %d: "+
			"upgrade all its nodes to the release between first, and finish that (kvorum upgrade finish)", q.Server, called(t.release), t.Oldest, called(s.cfg.Release), active)}
	}
	return nil
}
