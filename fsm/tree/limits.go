package tree

const (
	// widthDefault bounds the number of elements in a leaf, and of children in an inner node. It
	// bounds what the first change after a capture copies (about a kilobyte for each level) and
	// divides what nodes cost beside elements.
	widthDefault = 64

	// widthMin is the smallest width for which a split leaves two nodes that are
	// full enough; tests use it for high trees.
	widthMin = 4

	// fillDivisor says when a node that lost elements is merged with its
	// neighbour: below this part of the width. It is less than half, so that a
	// size that swings does not split and merge all the time.
	fillDivisor = 3

	// spareDivisor is the part of its length that a node's slice grows by: a
	// compromise between memory and copying.
	spareDivisor = 8

	// slackDivisor and slackMin say when a slice gives memory back: when it has
	// more spare room than this part of its length, and a few elements more.
	slackDivisor = 4
	slackMin     = 4

	// heightMax bounds the levels of a tree. At the default width, whose nodes
	// have at least 21 children, 16 levels hold more elements than memory can.
	heightMax = 16
)
