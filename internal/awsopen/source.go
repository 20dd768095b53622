package awsopen

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// readEvery is how often, at most, the configuration is read anew: it may mean a request to STS or SSO each time.
const readEvery = 5 * time.Second

// A source gives credentials out. The SDK reads the keys of a shared file once and never again
// (https://docs.aws.amazon.com/sdk-for-go/v2/developer-guide/configure-gosdk.html: the configuration is loaded by
// LoadDefaultConfig). As middleware before the SDK's own retries, a source reads them anew once the service refuses them, or
// once they cannot be had, and makes the call again if others were found.
type source struct {
	read func(context.Context) (aws.CredentialsProvider, error)

	mu       sync.Mutex
	provider aws.CredentialsProvider
	given    aws.Credentials // the latest
	readings int
	latest   time.Time     // when it was read anew
	reading  chan struct{} // closed when the reading that is under way has ended; nil: none is
}

func newSource(p aws.CredentialsProvider, read func(context.Context) (aws.CredentialsProvider, error)) *source {
	return &source{read: read, provider: p}
}

// Retrieve implements aws.CredentialsProvider.
func (s *source) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	provider := s.provider
	s.mu.Unlock()
	given, err := provider.Retrieve(ctx) // which caches them, if they take a request
	if err == nil {
		s.mu.Lock()
		s.given = given
		s.mu.Unlock()
	}
	return given, err
}

// ID implements middleware.FinalizeMiddleware.
func (s *source) ID() string { return "leader:RefusedCredentials" }

// HandleFinalize implements middleware.FinalizeMiddleware.
func (s *source) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	s.mu.Lock()
	readings := s.readings
	s.mu.Unlock()
	out, answer, err := next.HandleFinalize(ctx, in)
	if err == nil || !refused(err) || !s.renew(ctx, readings) {
		return out, answer, err
	}
	if r, ok := in.Request.(interface{ RewindStream() error }); ok {
		if rewind := r.RewindStream(); rewind != nil {
			return out, answer, err
		}
	}
	return next.HandleFinalize(ctx, in)
}

// renew reads the configuration anew, unless somebody has done so since it had been read for the readings-th time, or did so
// just now. It reports whether there are other credentials than those that were refused.
func (s *source) renew(ctx context.Context, readings int) bool {
	s.mu.Lock()
	for s.reading != nil && s.readings == readings {
		ended := s.reading
		s.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.readings != readings {
		return true
	}
	if !s.latest.IsZero() && time.Since(s.latest) < readEvery {
		return false
	}
	s.latest, s.reading = time.Now(), make(chan struct{})
	old := s.given
	s.mu.Unlock()
	provider, ok := s.other(ctx, old)
	s.mu.Lock()
	close(s.reading)
	s.reading = nil
	if ok {
		s.provider = provider
		s.readings++
	}
	return ok
}

// other reads the configuration, and returns what gives other credentials than the old ones, if there are any.
func (s *source) other(ctx context.Context, old aws.Credentials) (aws.CredentialsProvider, bool) {
	provider, err := s.read(ctx)
	if err != nil {
		return nil, false
	}
	found, err := provider.Retrieve(ctx)
	return provider, err == nil && !same(found, old)
}

func same(a, b aws.Credentials) bool {
	return a.AccessKeyID == b.AccessKeyID && a.SecretAccessKey == b.SecretAccessKey && a.SessionToken == b.SessionToken
}
