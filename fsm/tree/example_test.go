package tree_test

import (
	"fmt"
	"strings"

	"github.com/kvorum/kvorum/fsm/tree"
)

// An ordered tree as a table of scores: the prefix is the score, and members of
// equal score are in the order of their names.
func ExampleOrdered() {
	epoch := tree.Epoch{Now: 1, Captured: 1}
	table := tree.NewOrdered[string](epoch)
	place := func(member string) func(string) int {
		return func(other string) int { return strings.Compare(other, member) }
	}
	for member, score := range map[string]uint64{"ann": 7, "bob": 3, "cy": 7} {
		table.Set(epoch, score, member, place(member))
	}

	for score, member := range table.Ascend(0) {
		fmt.Println(score, member)
	}
	rank, found := table.Rank(7, place("cy"))
	fmt.Println("rank of cy:", rank, found)
	// Output:
	// 3 bob
	// 7 ann
	// 7 cy
	// rank of cy: 2 true
}

// A view costs nothing to take, and stays as it was.
func ExampleOrdered_Share() {
	epoch := tree.Epoch{Now: 1, Captured: 1}
	table := tree.NewOrdered[string](epoch)
	table.Set(epoch, 3, "bob", nil)

	epoch.Now++ // the counter is raised for each view
	view := table.Share(epoch.Now)
	table.DeleteAt(epoch, 0)
	fmt.Println(table.Len(), view.Len())
	// Output: 0 1
}

// A sequence keeps its elements by position.
func ExampleSequence() {
	epoch := tree.Epoch{Now: 1, Captured: 1}
	list := tree.NewSequence[string](epoch)
	list.InsertAt(epoch, 0, "b")
	list.InsertAt(epoch, 0, "a")
	list.InsertAt(epoch, list.Len(), "c")
	list.DeleteAt(epoch, 1)

	for element := range list.Ascend(0) {
		fmt.Print(element, " ")
	}
	// Output: a c
}
