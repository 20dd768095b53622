package doctor

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What looks show of a write, by when they were sent and answered, in milliseconds, and what they tell.
func TestClocks(t *testing.T) {
	t.Parallel()
	look := func(least, most, age int) clockLook {
		const ms = time.Millisecond
		return clockLook{least: time.Duration(least) * ms, most: time.Duration(most) * ms, age: time.Duration(age) * ms}
	}
	for _, test := range []struct {
		name        string
		first, last []clockLook
		on, off     Result
		says        string // where age is on
	}{
		{"they agree", []clockLook{look(10, 20, 0)}, []clockLook{look(8000, 8010, 4100), look(8020, 8030, 5090)}, Well, Well, "the clocks of 3 answers agree"},
		{"exact ones do", []clockLook{look(10, 20, 15)}, []clockLook{look(30, 40, 35)}, Well, Well, "agree"},
		{"one is fast at once", []clockLook{look(10, 20, 121)}, []clockLook{look(8000, 8010, 5000)}, Failed, Well, "was said to be 121ms old"},
		{"one is as fast as a clock's rate may be", []clockLook{look(10, 20, 119)}, []clockLook{look(8000, 8010, 5000)}, Well, Well, "agree"},
		{"one is fast in the end", nil, []clockLook{look(8000, 8010, 8111)}, Failed, Well, "was written at most 8.01s ago"},
		{"they are two seconds apart", nil, []clockLook{look(8000, 8010, 1000), look(8000, 8010, 4000)}, Well, Well, "agree"},
		{"they are more than that apart", nil, []clockLook{look(8000, 8010, 1000), look(8000, 8010, 4020)}, Failed, Well, "the clocks of 2 answers are at least 2.01s apart"},
		{"they may be apart, as the answers were slow", nil, []clockLook{look(8000, 10010, 1000), look(8000, 10010, 4020)}, Well, Well, "agree"},
		{"all are behind", nil, []clockLook{look(8000, 8010, 0), look(8000, 8010, 0)}, Warning, Well, "2 of 2 looks told none 8s after the write"},
	} {
		var c clocks
		c.settle = ageSettles
		c.add(test.first, false)
		c.add(test.last, true)
		f := c.judge(true, true, "its clock")
		require.Equal(t, test.on, f.Result, "%s: %+v", test.name, f)
		require.Contains(t, f.Detail, test.says, test.name)
		require.Equal(t, test.on != Well, f.Advice != "", test.name)
		require.Equal(t, test.off, c.judge(false, true, "its clock").Result, test.name)
	}
}

// No store is expected to tell an age before it can: not a fast directory either, which answers at once.
func TestSettling(t *testing.T) {
	t.Parallel()
	for scheme := range ageFrom {
		require.Greater(t, newDoctor(source{}, settingsOf(nil), fullWaits).settling(scheme), ageIsKnown, scheme)
	}
}

// A directory on a network file system is warned of, and all else is tried all the same.
func TestDoctorOnANetworkFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct {
		name string
		err  error
		want Result
	}{{"nfs", nil, Warning}, {"", nil, Well}, {"", errors.New("statfs: not permitted"), Well}} {
		d := doctor{source: source{url: fileURL(dir)}, settings: settingsOf(nil), networkFS: func(of string) (string, error) {
			require.Equal(t, dir, of)
			return test.name, test.err
		}}
		f := d.checkOpen(t.Context())
		require.Equal(t, test.want, f.Result)
		if test.want == Warning {
			require.Contains(t, f.Detail, fileURL(dir)+", which is on a network file system (nfs)")
			require.Contains(t, f.Advice, "a store that is a service")
		}
	}
}
