package command

import "github.com/kvorum/kvorum/fsm/reply"

// documentNamed answers COMMAND DOCS; no names stand for all commands, and
// those that are not there are left out.
func documentNamed(names [][]byte) reply.Value {
	if len(names) == 0 {
		return allDocumented
	}
	pairs := make([]reply.Value, 0, 2*len(names))
	for _, name := range names {
		if row := findByName(name); row != nil {
			pairs = append(pairs, row.told.name, row.told.docs)
		}
	}
	return reply.MapOf(pairs...)
}

func documentRows(rows []*Command) reply.Value {
	pairs := make([]reply.Value, 0, 2*len(rows))
	for _, row := range rows {
		pairs = append(pairs, row.told.name, row.told.docs)
	}
	return reply.MapOf(pairs...)
}

// document is a row as COMMAND DOCS shows it.
func (c *Command) document() reply.Value {
	d := &c.Doc
	pairs := textPairs("summary", d.Summary, "since", d.Since, "group", d.Group, "complexity", d.Complexity)
	if len(d.Flags) > 0 {
		pairs = append(pairs, reply.Text("doc_flags"), statusSet(d.Flags))
	}
	pairs = append(pairs, textPairs("deprecated_since", d.DeprecatedSince, "replaced_by", d.ReplacedBy)...)
	if len(d.Args) > 0 {
		pairs = append(pairs, reply.Text("arguments"), documentArgs(d.Args))
	}
	if len(c.Sub) > 0 {
		pairs = append(pairs, reply.Text("subcommands"), documentRows(c.Sub))
	}
	return reply.MapOf(pairs...)
}

// textPairs makes names and texts into the pairs of a map, without those that are empty.
func textPairs(namesAndTexts ...string) []reply.Value {
	var pairs []reply.Value
	for i := 0; i < len(namesAndTexts); i += 2 {
		if text := namesAndTexts[i+1]; text != "" {
			pairs = append(pairs, reply.Text(namesAndTexts[i]), reply.Text(text))
		}
	}
	return pairs
}

func documentArgs(args []Arg) reply.Value {
	values := make([]reply.Value, 0, len(args))
	for i := range args {
		values = append(values, args[i].document())
	}
	return reply.List(values...)
}

func (a *Arg) document() reply.Value {
	pairs := textPairs("name", a.Name, "type", argTypeNames[a.Type])
	if a.Type == ArgKey || a.KeySpec > 0 {
		pairs = append(pairs, reply.Text("key_spec_index"), reply.Int(int64(a.KeySpec)))
	}
	if a.Token != "" || a.Type == ArgToken {
		pairs = append(pairs, reply.Text("token"), reply.Text(a.Token))
	}
	pairs = append(pairs, textPairs("since", a.Since, "deprecated_since", a.DeprecatedSince)...)
	var flags []string
	if a.Optional {
		flags = append(flags, "optional")
	}
	if a.Multiple {
		flags = append(flags, "multiple")
	}
	if a.MultipleToken {
		flags = append(flags, "multiple_token")
	}
	if len(flags) > 0 {
		pairs = append(pairs, reply.Text("flags"), statusSet(flags))
	}
	if len(a.Args) > 0 {
		pairs = append(pairs, reply.Text("arguments"), documentArgs(a.Args))
	}
	return reply.MapOf(pairs...)
}
