package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/internal/emulated" // with all stores
	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/internal/spawn"
)

// taskVariable makes this test's binary examine a store, instead of testing. It is a process, since its environment is where the
// SDKs find the place.
const taskVariable = "DOCTOR_TEST_TASK"

// A task is an examination.
type task struct {
	StoreURL      string
	Length        time.Duration
	Samples       int
	Anew          bool
	Settle, Write time.Duration // waits
}

func TestMain(m *testing.M) {
	text, is := os.LookupEnv(taskVariable)
	if !is {
		if err := flag.Set("test.parallel", "4"); err != nil { // they wait; what is given on the command line counts
			panic(err)
		}
		os.Exit(m.Run())
	}
	var it task
	if err := json.Unmarshal([]byte(text), &it); err != nil {
		panic(err)
	}
	s := settingsOf([]Option{WithLeaseLength(it.Length), WithSamples(it.Samples)})
	s.anew = it.Anew
	if err := json.NewEncoder(os.Stdout).Encode(newDoctor(source{url: it.StoreURL}, s, waits{it.Settle, it.Write}).examine(context.Background())); err != nil {
		panic(err)
	}
}

// settled is when every right clock tells an age, of answers that take no more than two seconds.
const settled = 7 * time.Second

// A place is a store that is examined, and what leads its SDK there.
type place struct {
	url     string
	service emulator.Service
	env     []string
}

func newPlace(t testing.TB, s emulator.Service) place {
	t.Helper()
	return place{url: emulated.Make(t, s).URL, service: s}
}

func nowhere(t testing.TB, s emulator.Service) place {
	t.Helper()
	return place{url: emulated.Nowhere(t, s).URL, service: s}
}

// at is the same place, but its SDK is led to another endpoint.
func (p place) at(endpoint string) place {
	variable, value := emulator.At(p.service, endpoint)
	p.env = []string{variable + "=" + value}
	return p
}

// examine examines the store at the place.
func examine(t testing.TB, p place, changes ...func(*task)) Report {
	t.Helper()
	return begin(t, p, changes...)(t)
}

// begin does so until what it returns is called: most of the time goes by in waiting, so several are examined at once, more than
// there are processors.
func begin(t testing.TB, p place, changes ...func(*task)) func(t testing.TB) Report {
	t.Helper()
	it := task{StoreURL: p.url, Length: leader.DefaultLeaseLength, Samples: 3, Settle: settled}
	for _, change := range changes {
		change(&it)
	}
	text, err := json.Marshal(it)
	require.NoError(t, err)
	cmd := spawn.Self(append(p.env, taskVariable+"="+string(text))...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	require.NoError(t, cmd.Start())
	wait := sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = wait()
	})
	return func(t testing.TB) (r Report) {
		t.Helper()
		require.NoError(t, wait(), "%s", stderr.String())
		require.NoError(t, json.Unmarshal(out.Bytes(), &r), "%q", out.String())
		return r
	}
}

func anew(it *task) { it.Anew = true }
