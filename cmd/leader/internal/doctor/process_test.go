package doctor

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/cmd/leader/internal/commandtest"
	"github.com/cloudlease/leader/cmd/leader/internal/place"
	_ "github.com/cloudlease/leader/lease/azblob"
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3"
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
	o := Options{StoreURL: it.StoreURL, Length: it.Length, Samples: it.Samples, Anew: it.Anew}
	if err := json.NewEncoder(os.Stdout).Encode(newDoctor(o, waits{it.Settle, it.Write}).examine(context.Background())); err != nil {
		panic(err)
	}
}

// settled is when every right clock tells an age: of an answer's Date, which has seconds, minus that of the write, minus what they
// may differ by.
const settled = 5 * time.Second

// examine examines the store at the place.
func examine(t testing.TB, p place.Place, changes ...func(*task)) Report {
	t.Helper()
	return begin(t, p, changes...)(t)
}

// begin does so until what it returns is called: most of the time goes by in waiting, so several are examined at once, more than
// there are processors.
func begin(t testing.TB, p place.Place, changes ...func(*task)) func(t testing.TB) Report {
	t.Helper()
	it := task{StoreURL: p.Store, Length: leader.DefaultLeaseLength, Samples: 3, Settle: settled}
	for _, change := range changes {
		change(&it)
	}
	text, err := json.Marshal(it)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), taskVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	if p.Env != nil {
		cmd.Env = append(cmd.Env, p.Env(p.Upstream))
	}
	end := commandtest.Begin(t, cmd)
	return func(t testing.TB) (r Report) {
		t.Helper()
		o := end()
		require.Zero(t, o.Code, "%s", o.Err)
		require.NoError(t, json.Unmarshal([]byte(o.Out), &r), "%q", o.Out)
		return r
	}
}

func anew(it *task) { it.Anew = true }
