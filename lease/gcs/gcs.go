// Package gcs keeps leases in a bucket of Google Cloud Storage: one object per lease, written with a generation
// precondition.
//
// A read and a write of an object are strongly consistent in every kind of bucket, dual-region and multi-region ones
// included (https://cloud.google.com/storage/docs/consistency). The exception are objects that everybody may read, which
// Google's edge may cache: the package writes its own as "no-store".
//
// # The bucket
//
// Make one for leases alone, of class Standard, whose objects are not public:
//
//	gcloud storage buckets create gs://my-leases --location=europe-west1 --soft-delete-duration=0 \
//		--uniform-bucket-level-access --public-access-prevention
//
// What a bucket may have, and what that does to leases:
//
//   - Soft delete, which is on by default, keeps each record that a renewal overwrites for seven days, and bills it
//     (https://cloud.google.com/storage/docs/soft-delete): 120,960 of them per lease. Nothing breaks, but turn it off:
//     gcloud storage buckets update gs://my-leases --clear-soft-delete
//   - Object versioning keeps them for good: turn it off, too (--no-versioning).
//   - A retention policy, an object's own retention or a hold refuses every overwrite, so no lease can be renewed: that is
//     a lease.ErrMisconfigured (https://cloud.google.com/storage/docs/bucket-lock).
//   - With requester pays, each request has to name the project to bill: [WithUserProject].
//   - A lifecycle rule that deletes records breaks the promises that one leads at most, and that tokens only grow. So does
//     whoever deletes, restores or edits them by hand.
//   - Classes with a minimum duration, Nearline and colder, bill the whole of it for each renewal.
//
// # Permissions
//
// The role Storage Object User on the bucket will do:
//
//	gcloud storage buckets add-iam-policy-binding gs://my-leases --member=serviceAccount:... --role=roles/storage.objectUser
//
// What is used of it: storage.objects.get; create; delete, without which nothing can be overwritten, though the package
// never deletes (https://cloud.google.com/storage/docs/access-control/iam-json); and list, for lease.List, and because
// whoever may not list is told 403 of a record that does not exist.
//
// If the bucket encrypts with a Cloud KMS key, the program needs no permission on it. The Cloud Storage service agent of the
// bucket's project does: the role Cloud KMS CryptoKey Encrypter/Decrypter on the key
// (https://cloud.google.com/storage/docs/encryption/customer-managed-keys#service-agents):
//
//	gcloud storage service-agent --project=the-buckets-project --authorize-cmek=projects/.../cryptoKeys/my-key
//
// Without it, or with a key version that is disabled or destroyed, leases can be neither read nor written: that is a
// lease.ErrMisconfigured, and whoever leads stops at its deadline. For a user project, the program needs the permission
// serviceusage.services.use on it, which the role Service Usage Consumer has
// (https://cloud.google.com/storage/docs/requester-pays#requirements).
//
// # What it costs
//
// In a single region and class Standard, 10,000 writes are $0.05 and 10,000 reads $0.004
// (https://cloud.google.com/storage/pricing-examples, in 2025); other locations and classes are dearer. At the default
// intervals, a renewal and a poll every five seconds, a lease that is held for 30 days is 518,400 writes, $2.59, and each
// standby is as many reads, $0.21. To list costs as much as to write, per thousand leases, and a read for each.
//
// An object may be written once a second (https://cloud.google.com/storage/quotas#objects); that is
// lease.Limits.WriteEvery. Beyond, the service answers 429, which is a failure like any that passes: also to those who lose
// a race to write a record, instead of 412 (https://cloud.google.com/storage/docs/gcs429). Whether somebody holds the lease
// by then, the next look tells.
//
// # Takeover
//
// A process that has just started takes over a lease that ran out before, without watching it first, if its client tells
// the service's time. One that [NewClient] or lease.Open made does, as long as it speaks to Google's own host. One of
// storage.NewClient hides the Date of an answer, and a gateway or an emulator (option.WithEndpoint, STORAGE_EMULATOR_HOST)
// writes one of its own, which is trusted only [WithAge]: there the process watches for the length of the lease.
//
// # Requests
//
// Load and Swap are one request each, and nothing is sent after they have returned. The storage client's own retries are
// off, whatever it was told: it would go on until the context ends, and whoever holds a lease knows better when the next
// attempt is due. It would also ask for the rest of an answer that broke off, again and again without a pause; so that is an
// error. A client of storage.NewClient does not let the package see as much: a read may send up to four requests if
// its answers break off, and one more if there is no record. Best the client is one of NewClient, whose connections cannot be
// dead for longer than a request. It has to speak HTTP: one of storage.NewGRPCClient is a lease.ErrMisconfigured.
//
// Nothing but the service's own answer counts. A captive portal's page, a proxy's "not found" or an answer about another
// object is an error that may pass: no lease is acquired, renewed, found free or found gone by it.
//
// # URL
//
// The URL is gs://bucket, or gs://bucket/folder. The query may have user_project, the project to bill, and age, which is true
// or false: see [WithUserProject], [WithAge] and [WithoutAge]. The client is made as Google's own are, by application default
// credentials (https://cloud.google.com/docs/authentication/application-default-credentials), or for the emulator at
// STORAGE_EMULATOR_HOST.
package gcs

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() { lease.Register("gs", open) }

// open makes the manager of a URL, with a client of its own.
func open(ctx context.Context, u *url.URL) (lease.Manager, error) {
	bucket, prefix, err := place(u)
	if err != nil {
		return nil, err
	}
	opts, err := options(u)
	if err != nil {
		return nil, err
	}
	client, err := NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("store URL %q: %w", redact.URL(u), noClient(ctx, err))
	}
	opts = append(opts, WithPrefix(prefix), func(s *Store) { s.close = client.Close })
	return New(client, bucket, opts...), nil
}

// place returns the bucket and the prefix that a URL names.
func place(u *url.URL) (bucket, prefix string, err error) {
	refuse := func(why string) error { return storeurl.Refuse(u, why, "gs://bucket or gs://bucket/folder") }
	switch {
	case u.Opaque != "" || u.Host == "":
		return "", "", refuse("it names no bucket")
	case u.User != nil || u.Port() != "":
		return "", "", refuse("a bucket has no user and no port")
	case redact.Advice(u.Hostname()) != "":
		return "", "", refuse("that is no bucket")
	case u.Fragment != "":
		return "", "", refuse("a # in the folder's name is written %23")
	}
	if folder := strings.Trim(u.Path, "/"); folder != "" {
		prefix = folder + "/"
	}
	return u.Host, prefix, nil
}

// options are what the query of a URL says.
func options(u *url.URL) (opts []Option, err error) {
	query, err := storeurl.Query(u, "age", "user_project")
	if err != nil {
		return nil, err
	}
	switch age, given, err := storeurl.Bool(u, query, "age"); {
	case err != nil:
		return nil, err
	case given && age:
		opts = append(opts, WithAge())
	case given:
		opts = append(opts, WithoutAge())
	}
	if project := query.Get("user_project"); project != "" {
		if !projectID.MatchString(project) {
			return nil, fmt.Errorf("%w: store URL %q: user_project is the ID or the number of a project", lease.ErrMisconfigured, redact.URL(u))
		}
		opts = append(opts, WithUserProject(project))
	}
	return opts, nil
}

// projectID is what names a project: its ID, which may be of a domain, as example.com:my-project, or its number
// (https://cloud.google.com/resource-manager/docs/creating-managing-projects).
var projectID = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,99}$`)

// An Option changes a Store.
type Option func(*Store)

// WithPrefix puts prefix before the name of every object, such as "leases/" or "prod-". It is at most 259 bytes of UTF-8
// without line breaks; a prefix that the service refuses is an ErrMisconfigured of the calls.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithUserProject names the project that is billed for the requests, which a bucket needs that bills whoever asks
// (https://cloud.google.com/storage/docs/requester-pays). The credentials need the role Service Usage Consumer on it.
func WithUserProject(project string) Option { return func(s *Store) { s.project = project } }

// WithAge trusts the Date of every answer, also of one that does not come from Google's own host, storage.googleapis.com or
// another of googleapis.com over HTTPS. If a proxy or a gateway writes it, whose clock is more than two seconds ahead of the
// service's, a standby takes a lease over while its holder still leads. The client is one of NewClient: any other hides the
// Date.
func WithAge() Option { return func(s *Store) { s.age = anybodys } }

// WithoutAge trusts no Date: see Takeover, above.
func WithoutAge() Option { return func(s *Store) { s.age = nobodys } }

// New returns the Manager that keeps its leases in the bucket, which has to exist. It never fails, and sends nothing: what
// is wrong with the bucket is an error of the calls, and so is a client that speaks gRPC (storage.NewGRPCClient). The client
// stays the caller's: lease.Close leaves it open. See NewClient for one that tells the time.
func New(client *storage.Client, bucket string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, bucket, opts...))
}
