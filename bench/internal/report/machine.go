package report

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A Machine describes where a measurement ran. It does not say whose machine that is: no host name, no paths.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Memory float64 `json:"memory_gib"` // 0: not known
	OS     string  `json:"os"`
	Kernel string  `json:"kernel"` // "": not known
}

// About says when, where and of what something was measured.
type About struct {
	Part    string  `json:"part"`
	Date    string  `json:"date"` // 2006-01-02, UTC
	Machine Machine `json:"machine"`
	Go      string  `json:"go"`
	Commit  string  `json:"commit"` // with a + if there were changes that are not committed; "": not known
}

// Here describes a measurement in this process, now, of the repository at root. What it cannot find out, it leaves out.
func Here(part, root string) About {
	return About{
		Part: part, Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Commit: commit(root),
		Machine: Machine{
			CPU: cpu(readable("/proc/cpuinfo")), Cores: runtime.NumCPU(), Memory: memory(readable("/proc/meminfo")),
			OS: runtime.GOOS, Kernel: strings.TrimSpace(readable("/proc/sys/kernel/osrelease")),
		},
	}
}

func readable(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(data)
}

// cpu finds the model in /proc/cpuinfo, which has none on some architectures.
func cpu(info string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return runtime.GOARCH
}

// memory finds the GiB in /proc/meminfo.
func memory(info string) float64 {
	for line := range strings.Lines(info) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err == nil {
				return float64(int(kib/(1<<20)*10+0.5)) / 10
			}
		}
	}
	return 0
}

// commit asks git. Changes of the pages themselves do not count, as each measurement makes some.
func commit(root string) string {
	hash, err := exec.Command("git", "-C", root, "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(hash))
	pages := ":(exclude)" + filepath.ToSlash(filepath.Join("docs", "benchmarks*"))
	changed, err := exec.Command("git", "-C", root, "status", "--porcelain", "--untracked-files=no", "--", ".", pages).Output()
	if err == nil && len(changed) > 0 {
		text += "+"
	}
	return text
}

func (m Machine) String() string {
	text := fmt.Sprintf("%s, %d cores", m.CPU, m.Cores)
	if m.Memory > 0 {
		text += fmt.Sprintf(", %s GiB of memory", Figure(m.Memory))
	}
	return strings.TrimSpace(text + ", " + m.OS + " " + m.Kernel)
}
