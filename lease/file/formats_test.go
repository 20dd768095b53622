package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// The stored form is a contract with the programs of other versions.
func TestCellAsStored(t *testing.T) {
	t.Parallel()
	from := origin{Boot: "a boot", Clock: 7, Machine: "a machine", TimeNS: "a namespace"}
	require.Regexp(t, `^\{"leaseFile":1,"nonce":"[A-Z2-7]{26}","boot":"a boot","nanosSinceBoot":7,"machine":"a machine","timeNamespace":"a namespace"\}\na cell$`,
		string(encode(from, []byte("a cell"))))
}

// A first line is read by the exact names of its fields, none of which may stand twice: what a newer program wrote is never overwritten,
// and no age comes of the last of two clocks.
func TestExactFields(t *testing.T) {
	t.Parallel()
	for what, header := range map[string]string{
		"a newer format, and the known one in other letters": strings.Replace(aHeader, `"leaseFile":1`, `"leaseFile":2,"LeaseFile":1`, 1),
		"the same the other way round":                       strings.Replace(aHeader, `"leaseFile":1`, `"LeaseFile":1,"leaseFile":2`, 1),
		"two formats":                                        strings.Replace(aHeader, `"leaseFile":1`, `"leaseFile":2,"leaseFile":1`, 1),
		"other letters alone":                                strings.Replace(aHeader, "leaseFile", "LeaseFile", 1),
		"two clocks":                                         strings.Replace(aHeader, `"machine"`, `"nanosSinceBoot":1,"machine"`, 1),
	} {
		s := quick(t, t.TempDir())
		cell := filepath.Join(s.dir, "lease-a.json")
		require.NoError(t, os.WriteFile(cell, []byte(header+aRecord), 0o600))
		_, err := s.Load(t.Context(), "a")
		require.ErrorIs(t, err, lease.ErrRecord, what)
		_, err = s.Swap(t.Context(), "a", versionOf([]byte(header+aRecord)), []byte("x"))
		require.ErrorIs(t, err, lease.ErrRecord, what)
		left, err := os.ReadFile(cell)
		require.NoError(t, err)
		require.Equal(t, header+aRecord, string(left), what)
	}
	s := quick(t, t.TempDir())
	other := strings.Replace(aHeader, `"machine"`, `"NanosSinceBoot":1,"machine"`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "lease-a.json"), []byte(other+aRecord), 0o600))
	require.Equal(t, 10*time.Minute, load(t, s, "a").Age, "the clock in other letters is none")
}

// A directory as a program left it that did not know records of format 2: this one reads all of it, and takes the leases over.
func TestADirectoryOfTheFormerFormat(t *testing.T) {
	t.Parallel()
	dir, this := t.TempDir(), here()
	for _, name := range []string{"held", "released", "broken"} {
		text, err := os.ReadFile(filepath.Join("testdata", "format-1", "lease-"+name+".json"))
		require.NoError(t, err)
		// This machine wrote it, before it was restarted.
		cell := strings.NewReplacer(strings.Repeat("0", 31)+"1", this.Machine, "time:[1]", this.TimeNS).Replace(string(text))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "lease-"+name+".json"), []byte(cell), 0o600))
	}
	m := New(dir)
	tokens := map[string]uint64{}
	for info, err := range lease.List(soon(t), m, "") {
		require.NoError(t, err)
		require.NoError(t, info.Err)
		require.Equal(t, 15*time.Second, info.Length)
		tokens[info.Name] = info.Token
	}
	require.Equal(t, map[string]uint64{"held": 1, "released": 1, "broken": 2}, tokens)

	free := []string{"released"}
	if this.Boot != "" { // else only watching for 15 seconds shows that nobody holds the others
		free = append(free, "held", "broken")
	}
	for _, name := range free {
		held, err := m.Acquire(soon(t), lease.Request{Name: name, Holder: "new", Length: 15 * time.Second})
		require.NoError(t, err, name)
		require.Equal(t, tokens[name]+1, held.Token)
		require.Contains(t, string(load(t, NewStore(dir), name).Data), `{"format":1,`, "a program of the version before can read it")
	}
}
