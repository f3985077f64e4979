package admin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"syscall"
)

// memoryFields returns INFO memory, from the figures of Go's runtime. used_memory is the size of
// the objects on the heap, including garbage that is not collected yet.
func (a *Admin) memoryFields(context.Context) fields {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	used := samples[0].Value.Uint64()
	held := samples[1].Value.Uint64() - samples[2].Value.Uint64()
	resident, known := residentBytes()
	if !known {
		resident = held
	}
	peak := a.peak(used)
	list := fields{
		{"used_memory", strconv.FormatUint(used, 10)},
		{"used_memory_human", human(used)},
		{"used_memory_rss", strconv.FormatUint(resident, 10)},
		{"used_memory_rss_human", human(resident)},
		{"used_memory_peak", strconv.FormatUint(peak, 10)},
		{"used_memory_peak_human", human(peak)},
		{"used_memory_peak_perc", fmt.Sprintf("%.2f%%", 100*float64(used)/float64(max(peak, 1)))},
		{"allocator_allocated", strconv.FormatUint(used, 10)},
		{"allocator_active", strconv.FormatUint(held, 10)},
		{"allocator_resident", strconv.FormatUint(held, 10)},
	}
	if total, known := systemBytes(); known {
		list = append(list, fields{
			{"total_system_memory", strconv.FormatUint(total, 10)},
			{"total_system_memory_human", human(total)},
		}...)
	}
	limit, _ := strconv.ParseUint(a.setting("maxmemory"), 10, 64)
	return append(list, fields{
		{"maxmemory", strconv.FormatUint(limit, 10)},
		{"maxmemory_human", human(limit)},
		{"maxmemory_policy", a.setting("maxmemory-policy")},
		{"mem_fragmentation_ratio", fmt.Sprintf("%.2f", float64(resident)/float64(max(used, 1)))},
		{"mem_allocator", runtime.Version()},
	}...)
}

// peak records a heap size and returns the largest that INFO has seen.
func (a *Admin) peak(used uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peakHeap = max(a.peakHeap, used)
	return a.peakHeap
}

// human formats a number of bytes as Redis does.
func human(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(units)-1 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.2f%c", f, units[unit])
}

// residentBytes returns the resident memory of this process, if the kernel reports it.
func residentBytes() (uint64, bool) {
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	columns := bytes.Fields(content)
	if len(columns) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(string(columns[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}

// systemBytes returns how much memory the host has, if the kernel reports it.
func systemBytes() (uint64, bool) {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	columns := bytes.Fields(content)
	if len(columns) < 2 || string(columns[0]) != "MemTotal:" {
		return 0, false
	}
	kilobytes, err := strconv.ParseUint(string(columns[1]), 10, 64)
	return kilobytes << 10, err == nil
}

// cpuFields returns INFO cpu, the processor time of this process and its children.
func (a *Admin) cpuFields(context.Context) fields {
	var self, children syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) != nil || syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children) != nil {
		return nil
	}
	return fields{
		{"used_cpu_sys", secondsOf(self.Stime)},
		{"used_cpu_user", secondsOf(self.Utime)},
		{"used_cpu_sys_children", secondsOf(children.Stime)},
		{"used_cpu_user_children", secondsOf(children.Utime)},
	}
}

func secondsOf(t syscall.Timeval) string {
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec)
}
