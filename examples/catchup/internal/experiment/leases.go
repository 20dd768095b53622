package experiment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudlease/leader/lease"
)

// The lease store of the experiment is a server, so that a node can be cut off from it: http://127.0.0.1:port/leases?name=orders.

const (
	versionHeader = "Version"
	ageHeader     = "Age-Nanoseconds"
)

// leases asks that server through its own connections: what a process does with its default client, as closing idle connections in a
// test, is not meant for the leases.
var leases = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

func init() {
	lease.Register("http", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		return lease.NewManager(remoteStore{u.String()}), nil
	})
}

// serveLeases serves the cells of a store.
func serveLeases(store lease.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leases", func(w http.ResponseWriter, r *http.Request) {
		found, err := store.Load(r.Context(), r.URL.Query().Get("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set(versionHeader, string(found.Version))
		w.Header().Set(ageHeader, strconv.FormatInt(int64(found.Age), 10))
		_, _ = w.Write(found.Data)
	})
	mux.HandleFunc("PUT /leases", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, lease.MaxCell))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		version, err := store.Swap(r.Context(), r.URL.Query().Get("name"), lease.Version(r.Header.Get(versionHeader)), data)
		switch {
		case errors.Is(err, lease.ErrConflict):
			http.Error(w, err.Error(), http.StatusPreconditionFailed)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set(versionHeader, string(version))
		}
	})
	return mux
}

// A remoteStore is the store on that server.
type remoteStore struct{ url string }

func (s remoteStore) String() string { return s.url }

func (s remoteStore) Load(ctx context.Context, name string) (lease.Snapshot, error) {
	answer, data, err := s.do(ctx, http.MethodGet, name, "", nil)
	if err != nil || answer.Get(versionHeader) == "" { // there is no cell
		return lease.Snapshot{}, err
	}
	age, err := strconv.ParseInt(answer.Get(ageHeader), 10, 64)
	return lease.Snapshot{Data: data, Version: lease.Version(answer.Get(versionHeader)), Age: time.Duration(age)}, err
}

func (s remoteStore) Swap(ctx context.Context, name string, old lease.Version, data []byte) (lease.Version, error) {
	if err := lease.CheckCell(data); err != nil {
		return "", err
	}
	answer, _, err := s.do(ctx, http.MethodPut, name, old, data)
	return lease.Version(answer.Get(versionHeader)), err
}

func (s remoteStore) do(ctx context.Context, method, name string, old lease.Version, data []byte) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+"?name="+url.QueryEscape(name), bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set(versionHeader, string(old))
	answer, err := leases.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, nil, err
	case answer.StatusCode == http.StatusPreconditionFailed:
		return nil, nil, lease.ErrConflict
	case answer.StatusCode != http.StatusOK:
		return nil, nil, fmt.Errorf("%s: %s", answer.Status, body)
	}
	return answer.Header, body, nil
}
