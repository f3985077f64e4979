package corpus

import (
	"sort"
	"strconv"
	"strings"

	"github.com/kvorum/kvorum/fsm/reply"
)

// Print writes a reply on one line.
func Print(v reply.Value) string { return printValue(v, false) }

// PrintSorted is Print with the elements of arrays and sets sorted.
func PrintSorted(v reply.Value) string { return printValue(v, true) }

func printValue(v reply.Value, sorted bool) string {
	switch v.Kind {
	case reply.Null:
		return "nil"
	case reply.NullArray:
		return "nil-array"
	case reply.Simple:
		return "+" + quoteLine(v.Bytes)
	case reply.Error:
		return "-" + quoteLine(v.Bytes)
	case reply.Integer:
		return ":" + strconv.FormatInt(v.Int(), 10)
	case reply.Bulk:
		return quoteBytes(v.Bytes)
	case reply.Double:
		return "," + strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reply.Boolean:
		if v.Int() != 0 {
			return "#t"
		}
		return "#f"
	case reply.BigNumber:
		return "(" + string(v.Bytes)
	case reply.Verbatim:
		return "=" + quoteBytes(v.Bytes)
	case reply.Map:
		return printMap(v, sorted)
	}
	return printElems(v, sorted)
}

func printElems(v reply.Value, sorted bool) string {
	parts := make([]string, len(v.Elems))
	for i := range v.Elems {
		parts[i] = printValue(v.Elems[i], sorted)
	}
	if sorted {
		sort.Strings(parts)
	}
	mark := map[reply.Kind]string{reply.Set: "~", reply.Push: ">"}[v.Kind]
	return mark + "[" + strings.Join(parts, " ") + "]"
}

func printMap(v reply.Value, sorted bool) string {
	var parts []string
	for i := 0; i+1 < len(v.Elems); i += 2 {
		parts = append(parts, printValue(v.Elems[i], sorted)+": "+printValue(v.Elems[i+1], sorted))
	}
	if sorted {
		sort.Strings(parts)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// quoteBytes quotes bytes so that ParseCommand can read them back. Only ASCII is left as it is.
func quoteBytes(b []byte) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c < ' ' || c > '~':
			const hex = "0123456789abcdef"
			out.WriteString(`\x`)
			out.WriteByte(hex[c>>4])
			out.WriteByte(hex[c&15])
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// quoteLine is quoteBytes without the quotes, for simple strings and errors.
func quoteLine(b []byte) string {
	q := quoteBytes(b)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
