package commandtest

import (
	"fmt"
	"os"
	"strings"
)

// Alive reports whether there is such a process, and not only what is left of it until somebody waits for it.
func Alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[0]
	return state != "Z" && state != "X"
}
