package azblob

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/cloudlease/leader/internal/absent"
	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

// makeEvery is the minimum interval between two credentials that replace refused ones: each may need several requests.
const makeEvery = 5 * time.Second

// renewed is a credential that is made anew when the identity service refuses it, or no source has one. azidentity reads the file of a
// certificate when it makes the credential, and never again
// (https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azidentity#NewEnvironmentCredential). A new credential counts once it
// has given a token.
type renewed struct {
	anew func() (azcore.TokenCredential, error)
	turn chan struct{} // has room for one call, which makes a credential

	mu       sync.Mutex
	current  azcore.TokenCredential
	replaced int       // how often current was
	made     time.Time // when the latest new one was; zero: none was
}

// newRenewed makes the first credential.
func newRenewed(anew func() (azcore.TokenCredential, error)) (*renewed, error) {
	first, err := anew()
	if err != nil {
		return nil, err
	}
	if absent.Is(first) {
		return nil, failure.Misconfigured("the source of credentials that Opener was given returned none", "correct it")
	}
	return &renewed{anew: anew, turn: make(chan struct{}, 1), current: first}, nil
}

// GetToken implements azcore.TokenCredential.
func (r *renewed) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	current, replaced := r.latest()
	token, err := current.GetToken(ctx, options)
	if err == nil || ctx.Err() != nil || !errors.Is(classifyIdentity(err), lease.ErrMisconfigured) {
		return token, err
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return token, err
	}
	if current, since := r.latest(); since != replaced { // by a call that was refused at the same time
		return current.GetToken(ctx, options)
	}
	if other := r.other(); other != nil {
		if fresh, failed := other.GetToken(ctx, options); failed == nil {
			r.replace(other)
			return fresh, nil
		}
	}
	return token, err
}

func (r *renewed) latest() (current azcore.TokenCredential, replaced int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current, r.replaced
}

func (r *renewed) replace(other azcore.TokenCredential) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = other
	r.replaced++
}

// other makes a new credential; nil if the latest is too young, or none can be made. It is called by one call at a time.
func (r *renewed) other() azcore.TokenCredential {
	if !r.made.IsZero() && time.Since(r.made) < makeEvery {
		return nil
	}
	r.made = time.Now()
	other, err := r.anew()
	if err != nil || absent.Is(other) {
		return nil
	}
	return other
}
