package leaderhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/fleet"
	"github.com/cloudlease/leader/fleet/fleettest"
	"github.com/cloudlease/leader/leaderhttp"
	"github.com/cloudlease/leader/leadertest"
	"github.com/cloudlease/leader/lease"
)

// inFleet runs a test of a fleet of four parts in virtual time.
func inFleet(t *testing.T, test func(t *testing.T, f *fleettest.Fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, fleettest.New(t, fleet.WithName("ships"), fleet.WithShards(4))) })
}

func askFleet(f *fleet.Fleet, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	leaderhttp.FleetHandler(f).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func fleetStatus(t *testing.T, f *fleet.Fleet) (s leaderhttp.FleetStatus) {
	t.Helper()
	w := askFleet(f, http.MethodGet, "/status")
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &s))
	return s
}

func TestFleetStatus(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", func(ctx context.Context, part string) error {
			if part == "3" {
				return errors.New("no such table")
			}
			<-ctx.Done()
			return nil
		})
		time.Sleep(time.Minute)
		s := fleetStatus(t, a.Fleet)
		require.Equal(t, "ships", s.Fleet)
		require.Equal(t, "a", s.Node)
		require.Equal(t, "seated", s.State)
		require.True(t, s.Coordinates)
		require.NotZero(t, s.Seat)
		require.EqualValues(t, 1, s.Token)
		require.NotZero(t, s.Epoch)
		require.Len(t, s.Parts, 4)
		for i, p := range s.Parts {
			state, failure := "working", ""
			if i == 3 {
				state, failure = "failed", "no such table"
			}
			require.Equal(t, leaderhttp.FleetPart{Part: string(rune('0' + i)), Token: p.Token, State: state, AgeSeconds: p.AgeSeconds, Error: failure}, p)
			require.NotZero(t, p.Token)
		}
		require.Empty(t, s.Unhealthy)
	})
}

// The names are a promise.
func TestFleetStatusNames(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait, fleet.WithCapacity(3), fleet.WithHealth(func(context.Context) error { return nil }))
		time.Sleep(time.Minute)
		var s map[string]any
		require.NoError(t, json.Unmarshal(askFleet(a.Fleet, http.MethodGet, "/status").Body.Bytes(), &s))
		require.Subset(t, []string{"coordinates", "epoch", "fleet", "heard_age_seconds", "length_seconds", "node", "parts", "seat", "state", "store", "token", "unplaced"},
			slices.Sorted(maps.Keys(s)))
		require.Equal(t, []string{"3"}, asTexts(s["unplaced"]))
		part, _ := s["parts"].([]any)[0].(map[string]any)
		require.Equal(t, []string{"age_seconds", "part", "state", "token"}, slices.Sorted(maps.Keys(part)))
		require.Equal(t, []any{}, mustJSON(t, fleetStatus(t, f.Join("b", fleettest.Wait).Fleet))["parts"], "no parts are an empty list")
	})
}

func asTexts(v any) (texts []string) {
	list, _ := v.([]any)
	for _, text := range list {
		texts = append(texts, text.(string))
	}
	return texts
}

func mustJSON(t *testing.T, v any) (fields map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &fields))
	return fields
}

// Health is of the node: how many parts it has does not matter.
func TestFleetHealth(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		healthz := func(n *fleettest.Node) int { return askFleet(n.Fleet, http.MethodGet, "/healthz").Code }
		a := f.Join("a", fleettest.Wait)
		var sick atomic.Bool
		spare := f.Join("spare", fleettest.Wait, fleet.WithWeight(0), fleet.WithHealth(func(context.Context) error {
			if sick.Load() {
				return errors.New("disk full")
			}
			return nil
		}))
		f.Settle()
		require.Equal(t, http.StatusOK, healthz(a))
		require.Empty(t, spare.Status().Parts)
		require.Equal(t, http.StatusOK, healthz(spare), "a node without parts is ready to take some")

		sick.Store(true)
		time.Sleep(20 * time.Second)
		require.Equal(t, http.StatusServiceUnavailable, healthz(spare))
		require.Contains(t, fleetStatus(t, spare.Fleet).Health, "disk full")
		sick.Store(false)
		f.Settle()
		require.Equal(t, http.StatusOK, healthz(spare))

		a.Store.Set(leadertest.CutOff)
		time.Sleep(length + 5*time.Second)
		w := askFleet(a.Fleet, http.MethodGet, "/healthz")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Regexp(t, `^this node has read no plan for \d+s?\.?\d*s: the lease store does not answer\n$`, w.Body.String())
		f.Settle()
		require.Equal(t, "joining", fleetStatus(t, a.Fleet).State, "it has lost its seat, and wants another")
		a.Store.Set(leadertest.None)
		f.Settle()
		require.Equal(t, http.StatusOK, healthz(a))

		require.NoError(t, spare.Leave())
		require.Equal(t, http.StatusServiceUnavailable, healthz(spare))
		require.Equal(t, "idle", fleetStatus(t, spare.Fleet).State)
		require.Equal(t, "idle: Run is not running", fleetStatus(t, spare.Fleet).Unhealthy)
	})
}

// A plan that this node does not understand makes it unhealthy: a newer program may have to replace it.
func TestFleetHealth_APlanOfAnotherKind(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		l, err := f.Store().Acquire(t.Context(), lease.Request{Name: "ships", Holder: "the future", Length: length})
		require.NoError(t, err)
		l.Value, l.ValueNumber = "a plan of the year 2040", 1
		l, err = f.Store().Renew(t.Context(), l)
		require.NoError(t, err)
		require.NoError(t, f.Store().Release(t.Context(), l))
		a := f.Join("a", fleettest.Wait)
		time.Sleep(5 * time.Second)
		w := askFleet(a.Fleet, http.MethodGet, "/healthz")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), "this node does not understand the fleet's plan")
		require.NotEmpty(t, fleetStatus(t, a.Fleet).Error)
	})
}

func TestFleetHandlerAnswers(t *testing.T) {
	inFleet(t, func(t *testing.T, f *fleettest.Fleet) {
		a := f.Join("a", fleettest.Wait)
		f.Settle()
		for _, test := range []struct {
			method, path string
			code         int
		}{
			{http.MethodGet, "/", http.StatusNotFound}, {http.MethodGet, "/leader", http.StatusNotFound}, {http.MethodGet, "/parts", http.StatusNotFound},
			{http.MethodHead, "/healthz", http.StatusOK}, {http.MethodOptions, "*", http.StatusOK}, {http.MethodPost, "/status", http.StatusMethodNotAllowed},
		} {
			w := askFleet(a.Fleet, test.method, test.path)
			require.Equal(t, test.code, w.Code, "%s %s", test.method, test.path)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			if test.method == http.MethodHead || test.method == http.MethodOptions {
				require.Empty(t, w.Body.String())
			}
		}
		w := httptest.NewRecorder()
		leaderhttp.FleetHandler(nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/status", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
	})
}
