package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/kvorum/kvorum/fsm/command"
	"github.com/kvorum/kvorum/fsm/reply"
)

// section is one section of INFO.
type section struct {
	name   string // lower case, as a client writes it
	title  string
	hidden bool // shown only if it is named, or for "all" and "everything"
	fields func(*Admin, context.Context) fields
}

// sections lists INFO's sections in Redis 7.0's order, with Raft's before the keyspace.
var sections = []section{
	{name: "server", title: "Server", fields: (*Admin).serverFields},
	{name: "clients", title: "Clients", fields: (*Admin).clientsFields},
	{name: "memory", title: "Memory", fields: (*Admin).memoryFields},
	{name: "persistence", title: "Persistence", fields: (*Admin).persistenceFields},
	{name: "stats", title: "Stats", fields: (*Admin).statsFields},
	{name: "replication", title: "Replication", fields: (*Admin).replicationFields},
	{name: "cpu", title: "CPU", fields: (*Admin).cpuFields},
	{name: "modules", title: "Modules", fields: noFields},
	{name: "commandstats", title: "Commandstats", hidden: true, fields: noFields},
	{name: "errorstats", title: "Errorstats", fields: noFields},
	{name: "latencystats", title: "Latencystats", hidden: true, fields: noFields},
	{name: "cluster", title: "Cluster", fields: (*Admin).clusterFields},
	{name: "raft", title: "Raft", fields: (*Admin).raftFields},
	{name: "keyspace", title: "Keyspace", fields: (*Admin).keyspaceFields},
}

func noFields(*Admin, context.Context) fields { return nil }

// infoCommand shows the sections that the arguments name. Each appears once, in INFO's own order.
func (a *Admin) infoCommand(ctx context.Context, call *command.Call) reply.Value {
	wanted := wantedSections(call.Args[1:])
	var b strings.Builder
	for _, s := range sections {
		if !wanted[s.name] {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + s.title + "\r\n")
		var list fields
		for _, counter := range a.Statistics {
			list = list.with(counter.InfoFields(s.name))
		}
		list = list.with(s.fields(a, ctx))
		for _, f := range list {
			b.WriteString(f[0] + ":" + f[1] + "\r\n")
		}
	}
	return reply.VerbatimText(b.String())
}

// wantedSections returns the names of the sections that the arguments of INFO select.
func wantedSections(args [][]byte) map[string]bool {
	wanted := map[string]bool{}
	names := []string{"default"}
	if len(args) > 0 {
		names = nil
	}
	for _, arg := range args {
		names = append(names, strings.ToLower(string(arg)))
	}
	for _, name := range names {
		for _, s := range sections {
			switch name {
			case s.name, "all", "everything":
				wanted[s.name] = true
			case "default":
				wanted[s.name] = wanted[s.name] || !s.hidden
			}
		}
	}
	return wanted
}

// fields holds the lines of a section, as names and values.
type fields [][2]string

// with appends the fields that are not there yet. So a component's own fields take precedence over
// those of the administration.
func (f fields) with(more [][2]string) fields {
	for _, m := range more {
		if !slices.ContainsFunc(f, func(have [2]string) bool { return have[0] == m[0] }) {
			f = append(f, m)
		}
	}
	return f
}
