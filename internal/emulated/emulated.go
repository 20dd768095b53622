// Package emulated makes tables, buckets and containers in the emulators of the services, for tests of what uses any of the
// stores. (The tests of a store make theirs with its SDK: this package needs all of them.)
package emulated

import (
	"testing"

	"cloud.google.com/go/storage"

	"github.com/cloudlease/leader/internal/emulator"
	"github.com/cloudlease/leader/lease"
	_ "github.com/cloudlease/leader/lease/azblob/byurl" // for lease.Open
	_ "github.com/cloudlease/leader/lease/dynamodb"
	_ "github.com/cloudlease/leader/lease/gcs"
	_ "github.com/cloudlease/leader/lease/s3"
)

// A Place is where a store keeps leases: a table, a bucket or a container.
type Place struct {
	Name string // of the table, the bucket or the container
	URL  string // of the store, as lease.Open takes it
}

var schemes = map[emulator.Service]string{
	emulator.DynamoDB: "dynamodb://", emulator.S3: "s3://", emulator.GCS: "gs://", emulator.Azure: "azblob:///",
}

// Nowhere returns a place that does not exist.
func Nowhere(t testing.TB, s emulator.Service) Place {
	t.Helper()
	emulator.Need(t, s)
	name := emulator.Name(t)
	return Place{name, schemes[s] + name}
}

// Make makes a place for one test. Nothing removes it, as emulators forget: so Make skips the test on a real service.
func Make(t testing.TB, s emulator.Service) Place {
	t.Helper()
	p := Nowhere(t, s)
	if emulator.Endpoint(s) == "" {
		t.Skipf("emulated: this test leaves things behind, and does not run on a real %s", s)
	}
	if err := p.make(t, s); err != nil {
		t.Fatalf("emulated: make %s: %v", p.URL, err)
	}
	return p
}

func (p Place) make(t testing.TB, s emulator.Service) error {
	if s == emulator.GCS { // MakePlace asks for a project, which the emulator's users need not have
		client, err := storage.NewClient(t.Context())
		if err != nil {
			return err
		}
		defer client.Close()
		return client.Bucket(p.Name).Create(t.Context(), "test", nil)
	}
	m, err := lease.Open(t.Context(), p.URL)
	if err != nil {
		return err
	}
	defer func() { _ = lease.Close(m) }()
	_, err = lease.MakePlace(t.Context(), m, "")
	return err
}
