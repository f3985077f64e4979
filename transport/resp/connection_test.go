package resp

import (
	"testing"

	"github.com/kvorum/kvorum/fsm/command"
)

// Each row that names the connection has a function here, and nothing else has.
func TestTheConnectionAnswersTheRowsThatNameIt(t *testing.T) {
	named := map[string]bool{}
	for row := range command.Every {
		if row.By == command.ByConnection {
			named[row.Name] = true
			if connectionCommands[row.Name] == nil {
				t.Errorf("nobody answers %s", row.Name)
			}
		}
	}
	for name := range connectionCommands {
		if !named[name] {
			t.Errorf("the row of %s does not name the connection", name)
		}
	}
}
