package command

import "testing"

// Each row names who answers it, and what it answers inside a script and a transaction.
func TestEachRowSaysWhoAnswersItAndWhatInside(t *testing.T) {
	for row := range Every {
		if row.Run == nil && len(row.Sub) > 0 && row.By == ByMachine {
			continue // a container, which only its sub-commands answer
		}
		machines := row.Run != nil
		if machines != (row.By == ByMachine) {
			t.Errorf("%s: the machine has it %v, and it is answered by %d", row.Name, machines, row.By)
		}
		if !machines && row.Script == Runs {
			t.Errorf("%s: a row without a function of the machine's must say what it answers in a script: FromEntry or Refused", row.Name)
		}
		if machines != (row.Exec == Runs) {
			t.Errorf("%s: a row without a function of the machine's must say what it answers in a transaction", row.Name)
		}
		if row.Flags&NoScript != 0 && row.Script != Refused {
			t.Errorf("%s has the flag noscript and answers in a script", row.Name)
		}
		if row.Flags&NoMulti != 0 && row.Exec != Refused {
			t.Errorf("%s has the flag no_multi and answers in a transaction", row.Name)
		}
		if row.Script == InPlace || row.Script == AtOnce {
			t.Errorf("%s: what only a connection or a node knows has no answer in a script", row.Name)
		}
		if row.Waits && (row.By != ByNode || row.Exec != NoTimeLeft) {
			t.Errorf("%s waits: it is the node's, and must not wait in a transaction", row.Name)
		}
	}
}
