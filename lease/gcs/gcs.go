// Package gcs keeps leases in a bucket of Google Cloud Storage: one object per lease, written with a generation
// precondition.
//
// Reads and writes of an object are strongly consistent in every kind of bucket, including dual-region and multi-region
// buckets (https://cloud.google.com/storage/docs/consistency). The exceptions are publicly readable objects, which
// Google's edge may cache: the package writes its objects as "no-store".
//
// # The bucket
//
// Make a bucket for leases alone, of class Standard, whose objects are not public:
//
//	gcloud storage buckets create gs://my-leases --location=europe-west1 --soft-delete-duration=0 \
//		--uniform-bucket-level-access --public-access-prevention
//
// Settings of a bucket affect leases as follows:
//
//   - Soft delete, which is on by default, keeps each record that a renewal overwrites for seven days, and bills it
//     (https://cloud.google.com/storage/docs/soft-delete): 120,960 records per lease. Leases still work, but turn it
//     off: gcloud storage buckets update gs://my-leases --clear-soft-delete
//   - Object versioning keeps these records permanently: turn it off, too (--no-versioning).
//   - A retention policy, an object's own retention or a hold refuses every overwrite, so no lease can be renewed: that
//     is a lease.ErrMisconfigured (https://cloud.google.com/storage/docs/bucket-lock).
//   - With requester pays, each request has to name the project to bill: [WithUserProject].
//   - A lifecycle rule that deletes records breaks the promises that at most one node leads, and that tokens only grow.
//     Deleting, restoring or editing records by hand breaks them, too.
//   - Classes with a minimum duration, Nearline and colder, bill the whole duration for each renewal.
//
// # Permissions
//
// The role Storage Object User on the bucket is enough:
//
//	gcloud storage buckets add-iam-policy-binding gs://my-leases --member=serviceAccount:... --role=roles/storage.objectUser
//
// The package uses these permissions of the role: storage.objects.get; create; delete, which every overwrite needs,
// though the package never deletes (https://cloud.google.com/storage/docs/access-control/iam-json); and list.
// lease.List needs list, and without it the service answers 403 for a record that does not exist.
//
// If the bucket encrypts with a Cloud KMS key, the program needs no permission on the key. The Cloud Storage service
// agent of the bucket's project needs the role Cloud KMS CryptoKey Encrypter/Decrypter on the key
// (https://cloud.google.com/storage/docs/encryption/customer-managed-keys#service-agents):
//
//	gcloud storage service-agent --project=the-buckets-project --authorize-cmek=projects/.../cryptoKeys/my-key
//
// Without the role, or with a key version that is disabled or destroyed, leases can be neither read nor written: that
// is a lease.ErrMisconfigured, and the holder stops at its deadline. To bill a user project, the program needs the
// permission serviceusage.services.use on the project, which the role Service Usage Consumer includes
// (https://cloud.google.com/storage/docs/requester-pays#requirements).
//
// # What it costs
//
// In a single region and class Standard, 10,000 writes are $0.05 and 10,000 reads $0.004
// (https://cloud.google.com/storage/pricing-examples, in 2025); other locations and classes are dearer. By default a
// holder renews every 5 s, which is 518,400 writes and $2.59 in 30 days. Each standby polls every 4.8 s, which is some
// 535,000 reads and $0.21. Listing costs one write for each thousand leases, and one read for each lease.
//
// The service limits the writes to an object to one a second (https://cloud.google.com/storage/quotas#objects); that is
// lease.Limits.WriteEvery. It answers writes beyond that with 429 (https://cloud.google.com/storage/docs/gcs429), a
// temporary failure. A node that loses a race for a lease may also get 429 instead of 412. The next look shows whether
// another node then holds the lease.
//
// # Takeover
//
// A process that has just started takes over a lease that ran out before, without watching it first, if its client
// shows the service's time. A client that [NewClient] or lease.Open made does so as long as it speaks to Google's own
// host. A client of storage.NewClient hides the Date of an answer. A gateway or an emulator (option.WithEndpoint,
// STORAGE_EMULATOR_HOST) sends its own Date, which the package trusts only with [WithAge]. Where it does not trust
// the Date, the process watches the lease for its length.
//
// # Requests
//
// Load and Swap send one request each, and send nothing after they have returned. The package turns the storage
// client's own retries off, whatever the caller configured: the client would retry until the context ends, but the
// holder knows better when the next attempt is due. The client would also ask for the rest of an interrupted answer,
// repeatedly and without a pause; so an interrupted answer is an error. With a client of storage.NewClient the package
// cannot see this as well: a read may send up to four requests if its answers break off, and one more if there is no
// record. Prefer a client of NewClient, whose connections cannot stay dead for longer than a request. The client must
// speak HTTP: one of storage.NewGRPCClient is a lease.ErrMisconfigured.
//
// Only the service's own answers count. A captive portal's page, a proxy's "not found" or an answer about another
// object is a temporary error: it never shows that a lease is acquired, renewed, free or missing.
//
// # URL
//
// The URL is gs://bucket, or gs://bucket/folder. The query may have prefix, for a prefix that is not a folder (instead of
// a folder in the path), user_project, the project to bill, and age, which is true or false: see [WithPrefix],
// [WithUserProject], [WithAge] and [WithoutAge]. The client uses application default credentials,
// as Google's own clients do (https://cloud.google.com/docs/authentication/application-default-credentials), or the
// emulator at STORAGE_EMULATOR_HOST.
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

// open returns the manager for a URL. It makes the client, and lease.Close closes it.
func open(ctx context.Context, u *url.URL) (lease.Manager, error) {
	bucket, folder, err := place(u)
	if err != nil {
		return nil, err
	}
	opts, err := options(u, folder)
	if err != nil {
		return nil, err
	}
	client, err := NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("store URL %q: %w", redact.URL(u), noClient(ctx, err))
	}
	opts = append(opts, func(s *Store) { s.close = client.Close })
	return New(client, bucket, opts...), nil
}

// form shows how to write a store URL.
const form = "gs://bucket or gs://bucket/folder"

// place returns the bucket and the folder that a URL names.
func place(u *url.URL) (bucket, folder string, err error) {
	refuse := func(why string) error { return storeurl.Refuse(u, why, form) }
	switch {
	case u.Opaque != "" || u.Host == "":
		return "", "", refuse("it names no bucket")
	case u.User != nil || u.Port() != "":
		return "", "", refuse("a bucket has no user and no port")
	case redact.IsCloud(u.Hostname()):
		return "", "", refuse("that is no bucket")
	case u.Fragment != "":
		return "", "", refuse("a # in the folder's name is written %23")
	}
	if folder = strings.Trim(u.Path, "/"); folder != "" {
		folder += "/"
	}
	return u.Host, folder, nil
}

// options returns the options that the URL names, the folder in its path included.
func options(u *url.URL, folder string) (opts []Option, err error) {
	query, err := storeurl.Query(u, "age", "prefix", "user_project")
	if err != nil {
		return nil, err
	}
	prefix := query.Get("prefix")
	if folder != "" && prefix != "" {
		return nil, storeurl.Refuse(u, "it has both a folder and a prefix", form)
	}
	opts = append(opts, WithPrefix(folder+prefix))
	age, err := storeurl.Choice(u, query, "age", WithAge(), WithoutAge())
	if err != nil {
		return nil, err
	}
	opts = append(opts, age...)
	if project := query.Get("user_project"); project != "" {
		if !projectID.MatchString(project) {
			return nil, storeurl.Wrong(u, "user_project is the ID or the number of a project", "write it as user_project=my-project")
		}
		opts = append(opts, WithUserProject(project))
	}
	return opts, nil
}

// projectID matches a project's ID, which may have a domain, as in example.com:my-project, or its number
// (https://cloud.google.com/resource-manager/docs/creating-managing-projects).
var projectID = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{0,99}$`)

// An Option changes a Store. With a nil one, every call returns a lease.ErrMisconfigured.
type Option func(*Store)

// WithPrefix puts the prefix before the name of every object: "leases/" or "prod-", for example. It is at most 259
// bytes of UTF-8 without line breaks. A prefix that the service refuses is an ErrMisconfigured of later calls.
func WithPrefix(prefix string) Option { return func(s *Store) { s.prefix = prefix } }

// WithUserProject names the project to bill for the requests. A bucket with requester pays needs it
// (https://cloud.google.com/storage/docs/requester-pays). The credentials need the role Service Usage Consumer on the
// project.
func WithUserProject(project string) Option { return func(s *Store) { s.project = project } }

// WithAge trusts the Date of every answer. The default is to trust only answers of Google's own host:
// storage.googleapis.com or another of googleapis.com, over HTTPS. If a proxy or a gateway writes the Date by a clock
// more than two seconds ahead of the service's, a standby may take over a lease while its holder still leads. The
// client must be one of NewClient: any other hides the Date.
func WithAge() Option { return func(s *Store) { s.age = anybodys } }

// WithoutAge trusts no Date. See Takeover in the package comment.
func WithoutAge() Option { return func(s *Store) { s.age = nobodys } }

// New returns a Manager that keeps its leases in the bucket, which must exist. New never fails and sends nothing: a
// problem with the bucket, or a client that speaks gRPC (storage.NewGRPCClient), shows as an error of later calls. The
// caller closes the client: lease.Close leaves it open. NewClient makes a client that shows the service's time.
func New(client *storage.Client, bucket string, opts ...Option) lease.Manager {
	return lease.NewManager(NewStore(client, bucket, opts...))
}
