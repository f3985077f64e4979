package tidy

import (
	"strings"
	"testing"
)

// TestADocumentRefersToWhatIsThere plants references to what is not there, one each.
func TestADocumentRefersToWhatIsThere(t *testing.T) {
	tree := map[string]string{
		"node/session.go": "package node\n\nfunc (s *session) seal() {}\n\nfunc newSession() {}\n",
		"docs/design.md":  "# The design\n\n## Raft, and what is done beside it\n",
		"docs/map.md":     "",
	}
	read := func(path string) (string, bool) {
		content, exists := tree[path]
		return content, exists
	}
	for text, missing := range map[string]string{
		"[design](design.md)": "",
		"[design](design.md#raft-and-what-is-done-beside-it)": "",
		"[here](#a-map)": "",
		"[elsewhere](https://redis.io/nothing.md)":                  "",
		"`session.seal` in [`node/session.go`](../node/session.go)": "",
		"`newSession` in `node/session.go`":                         "",
		"```\n[no link](x.md)\n```":                                 "",
		"[design](plan.md)":                                         "plan.md",
		"[design](design.md#raft)":                                  "design.md#raft",
		"[here](#there)":                                            "#there",
		"`node/line.go`":                                            "node/line.go",
		"`line.seal` in [`node/session.go`](../node/session.go)":    "line.seal",
		"`session.open` in `node/session.go`":                       "session.open",
		"`openSession` in `node/session.go`":                        "openSession",
	} {
		got := join(checkDocuments([]document{{"docs/map.md", "# A map\n\n" + text + "\n"}}, read))
		named := strings.Contains(got, missing+" is not there") || strings.Contains(got, "declaration of "+missing+" in ")
		if missing == "" && got != "" || missing != "" && !named {
			t.Errorf("%s: %q", text, got)
		}
	}
}
