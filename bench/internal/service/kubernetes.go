package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/cloudlease/leader/internal/wire"
)

// A leaseAPI is our fake of the part of Kubernetes' API that client-go's leader election uses: get, create and update of
// coordination.k8s.io/v1 Leases, in JSON, in memory. A kube-apiserver is not available as a Go module, nor without the binaries
// of a cluster. What matters here is that an update of a lease that has changed meanwhile is a conflict
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). The fake is faster than a real one, which
// writes to etcd; that does not change when a lease runs out.
type leaseAPI struct {
	mu      sync.Mutex
	leases  map[string]*coordinationv1.Lease // by path
	version int
}

const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/"

func startKubernetes(_ context.Context, p *part) (err error) {
	p.version = "a fake of ours, which keeps Leases in memory"
	p.endpoint, err = p.serve(&leaseAPI{leases: map[string]*coordinationv1.Lease{}}, kubernetesRequest)
	return err
}

func (a *leaseAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, leasesPath), "/leases")
	name := strings.TrimPrefix(rest, "/")
	if !ok || !strings.HasPrefix(r.URL.Path, leasesPath) || strings.Contains(namespace+name, "/") {
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "there are no other things than leases here")
		return
	}
	switch {
	case r.Method == http.MethodGet && name != "":
		a.get(w, r.URL.Path)
	case r.Method == http.MethodPost && name == "", r.Method == http.MethodPut && name != "":
		var sent coordinationv1.Lease
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
			return
		}
		if name == "" {
			a.create(w, r.URL.Path+"/"+sent.Name, &sent)
		} else {
			a.update(w, r.URL.Path, &sent)
		}
	default:
		refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "leases can be got, created and updated here")
	}
}

func (a *leaseAPI) get(w http.ResponseWriter, path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found := a.leases[path]; found != nil {
		answer(w, http.StatusOK, found)
		return
	}
	refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("%s not found", path))
}

func (a *leaseAPI) create(w http.ResponseWriter, path string, sent *coordinationv1.Lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leases[path] != nil {
		refuse(w, http.StatusConflict, metav1.StatusReasonAlreadyExists, fmt.Sprintf("%s already exists", path))
		return
	}
	sent.UID, sent.CreationTimestamp = types.UID(uuid.NewUUID()), metav1.Now()
	a.store(w, http.StatusCreated, path, sent)
}

func (a *leaseAPI) update(w http.ResponseWriter, path string, sent *coordinationv1.Lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.leases[path]
	switch {
	case found == nil:
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("%s not found", path))
	case sent.ResourceVersion != "" && sent.ResourceVersion != found.ResourceVersion:
		refuse(w, http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified; please apply your changes to the latest version and try again")
	default:
		sent.UID, sent.CreationTimestamp = found.UID, found.CreationTimestamp
		a.store(w, http.StatusOK, path, sent)
	}
}

// store stores the lease. The caller holds the lock.
func (a *leaseAPI) store(w http.ResponseWriter, status int, path string, sent *coordinationv1.Lease) {
	a.version++
	sent.APIVersion, sent.Kind = "coordination.k8s.io/v1", "Lease"
	sent.ResourceVersion = strconv.Itoa(a.version)
	a.leases[path] = sent
	answer(w, status, sent)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

func kubernetesRequest(r *http.Request) (wire.Kind, string) {
	switch r.Method {
	case http.MethodGet:
		return wire.Read, "get"
	case http.MethodPost:
		return wire.Write, "create"
	case http.MethodPut:
		return wire.Write, "update"
	}
	return wire.Other, r.Method
}
