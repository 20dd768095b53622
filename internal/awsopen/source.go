package awsopen

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// readEvery is the minimum interval between readings of the configuration: each may need a request to STS or SSO.
const readEvery = 5 * time.Second

// A source provides credentials. The SDK reads the keys of a shared file once and never again
// (https://docs.aws.amazon.com/sdk-for-go/v2/developer-guide/configure-gosdk.html: the configuration is loaded by
// LoadDefaultConfig). A source is also middleware before the SDK's own retries. When the service refuses the
// credentials, or they cannot be had, it reads them again, and repeats the call if it finds others.
type source struct {
	read func(context.Context) (aws.CredentialsProvider, error)

	mu       sync.Mutex
	provider aws.CredentialsProvider
	given    aws.Credentials // the latest that Retrieve returned
	readings int
	latest   time.Time     // when the latest reading began
	reading  chan struct{} // closed when the current reading ends; nil: there is none
}

func newSource(p aws.CredentialsProvider, read func(context.Context) (aws.CredentialsProvider, error)) *source {
	return &source{read: read, provider: p}
}

// Retrieve implements aws.CredentialsProvider.
func (s *source) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	provider := s.provider
	s.mu.Unlock()
	given, err := provider.Retrieve(ctx) // caches them, if they take a request
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
	if err == nil || !refused(ctx, err) || !s.renew(ctx, readings) {
		return out, answer, err
	}
	if r, ok := in.Request.(interface{ RewindStream() error }); ok {
		if rewind := r.RewindStream(); rewind != nil {
			return out, answer, err
		}
	}
	return next.HandleFinalize(ctx, in)
}

// renew reads the configuration again, unless another call has done so since the caller counted the readings, or just
// now. It reports whether there are other credentials than the refused ones.
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

// other reads the configuration, and returns its provider if that has other credentials than the old ones.
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
