package cluster

import "context"

var errNoChange = &Refused{"changes of the membership are not possible in this build yet"}

// Invite has the server that waits at a peer address join the cluster.
func (s *Service) Invite(context.Context, string, bool) error { return errNoChange }

// Remove takes a server out of the cluster for ever.
func (s *Service) Remove(context.Context, string, bool) error { return errNoChange }

// Promote makes a non-voter a voter.
func (s *Service) Promote(context.Context, string) error { return errNoChange }

// Demote makes a voter a non-voter.
func (s *Service) Demote(context.Context, string, bool) error { return errNoChange }

// Transfer has a voter lead.
func (s *Service) Transfer(context.Context, string) error { return errNoChange }
