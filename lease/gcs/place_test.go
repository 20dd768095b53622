package gcs

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/errtest"
	"github.com/cloudlease/leader/lease"
)

// All buckets of the world share the names. So one that cannot be made, because it is there, may be somebody else's.
func TestMakePlace(t *testing.T) { // not parallel: the environment names a project
	const (
		bucket  = `{"kind":"storage#bucket","name":"b"}`
		list    = `{"kind":"storage#objects"}`
		portal  = "<html>Please log in</html>"
		another = "name another bucket, if this one is somebody else's"
	)
	missing := asJSON(404, "notFound", "The specified bucket does not exist.")
	denied := asJSON(403, "forbidden", "x does not have storage.objects.list access to the Google Cloud Storage bucket.")
	busy := asJSON(503, "backendError", "made up")
	for name, test := range map[string]struct {
		project             string
		created, listed     int
		creation, listing   string
		made, misconfigured bool
		says                string // empty: nothing is wrong
	}{
		"made":                            {"p", 200, 200, bucket, list, true, false, ""},
		"made, and hidden":                {"p", 200, 403, bucket, denied, true, false, ""},
		"made, says a portal":             {"p", 200, 200, "{}", portal, false, false, "no page of a list"},
		"made, says a proxy":              {"p", 200, 200, "{}", "{}", false, false, "no page of a list"},
		"made, and a portal is before it": {"p", 200, 403, bucket, portal, false, false, "not Cloud Storage's"},
		"made, says somebody":             {"p", 200, 404, "{}", missing, false, false, "there is none"},
		"made, and out of reach":          {"p", 200, 503, bucket, busy, false, false, "503"},
		"there":                           {"p", 409, 200, asJSON(409, "conflict", "you own it"), list, false, false, ""},
		"somebody else's":                 {"p", 409, 403, asJSON(409, "conflict", "not available"), denied, false, true, another},
		"behind a portal":                 {"p", 409, 403, asJSON(409, "conflict", "not available"), portal, false, false, "not Cloud Storage's"},
		"gone meanwhile":                  {"p", 409, 404, asJSON(409, "conflict", "not available"), missing, false, true, "create the bucket"},
		"of no project, and there":        {"", 0, 200, "", list, false, false, ""},
		"of no project, and missing":      {"", 0, 404, "", missing, false, true, "set GOOGLE_CLOUD_PROJECT"},
		"of no project, and hidden":       {"", 0, 403, "", denied, false, true, "set GOOGLE_CLOUD_PROJECT"},
		"of no project, and out of reach": {"", 0, 503, "", busy, false, false, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(projectVariable, test.project)
			_, clients := newService(t, func(w http.ResponseWriter, r *http.Request) {
				status, body := test.listed, test.listing
				if r.Method == http.MethodPost {
					status, body = test.created, test.creation
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			s := NewStore(clients["NewClient"], "b")
			made, err := s.MakePlace(t.Context(), "")
			assert.Equal(t, test.made, made)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, test.misconfigured, errors.Is(err, lease.ErrMisconfigured), "%v", err)
			errtest.Advice(t, err)
			if strings.Contains(name, "else's") {
				require.NoError(t, s.FindPlace(t.Context()), "whether it is there, this process may not find out")
			}
		})
	}
}
