package tidy

import (
	"go/ast"
	"slices"
	"strings"
)

// machineImports are packages of the standard library that the replicated machine must not
// import, nor any package below them.
var machineImports = []string{
	"crypto/rand", "expvar", "hash/maphash", "log", "math/rand", "net", "os", "plugin", "runtime", "syscall", "testing",
}

// machineClock holds the names of package time that read a clock or wait for one.
var machineClock = []string{
	"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
}

// machineRandom holds the names of math/rand/v2 that the caller seeds. All other names of
// it draw from the process's own source.
var machineRandom = []string{"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewZipf", "PCG", "Rand", "Source", "Zipf"}

// faultTag is the build tag of the planted faults that the simulation must find. One of them
// expires keys by the wall clock, so the ban on clocks does not apply there.
const faultTag = "kvorum_faults"

// checkMachine finds what could make two nodes differ: clocks, randomness, the environment,
// files and sockets (design, invariant 1). It does not check tests.
func checkMachine(f *file) []Finding {
	if f.test || !f.under("fsm") {
		return nil
	}
	var findings []Finding
	for _, spec := range f.syntax.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)
		banned := slices.ContainsFunc(machineImports, func(b string) bool {
			return importPath == b || strings.HasPrefix(importPath, b+"/") && importPath != "math/rand/v2"
		})
		if banned && !(importPath == "os" && f.tagged(faultTag)) {
			findings = append(findings, Finding{f.at(spec.Pos()), "the machine may not import " + importPath,
				"let the leader stamp what differs between nodes into the entry"})
		}
	}
	if !f.tagged(faultTag) {
		findings = append(findings, f.uses(f.syntax, "time", func(name string) string {
			if slices.Contains(machineClock, name) {
				return "use the machine's clock, which the log drives"
			}
			return ""
		})...)
	}
	findings = append(findings, checkMapIterators(f)...)
	return append(findings, f.uses(f.syntax, "math/rand/v2", func(name string) string {
		if !slices.Contains(machineRandom, name) {
			return "draw from the entry's seed (command.Context.Rand)"
		}
		return ""
	})...)
}

// uses finds, within a part of the file, the uses of a package's names for which fix
// returns a fix.
func (f *file) uses(part ast.Node, importPath string, fix func(name string) string) []Finding {
	local := f.importName(importPath)
	if local == "" {
		return nil
	}
	var findings []Finding
	ast.Inspect(part, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		identifier, ok := selector.X.(*ast.Ident)
		if !ok || identifier.Name != local {
			return true
		}
		if answer := fix(selector.Sel.Name); answer != "" {
			findings = append(findings, Finding{f.at(selector.Pos()), importPath + "." + selector.Sel.Name + " is used", answer})
		}
		return true
	})
	return findings
}
