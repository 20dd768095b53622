// Package azblob keeps leases in an Azure Blob Storage container, as the native leases of its blobs.
//
// Azure itself sees to it that a blob has one lease at a time, and that it runs out: no client's clock decides (R1), and
// a standby that has just started takes a lease over as soon as it is over. Azure does not show when that is, so a
// standby polls: just after the moments at which the lease can run out, which it knows from when the leader acquired it and
// from how often it renews, if the clocks agree. A blob lease lasts 15 to 60 seconds, in whole seconds
// (https://learn.microsoft.com/rest/api/storageservices/lease-blob); it can be renewed, but not made longer or shorter.
//
// # What is in the container
//
// Each lease has an empty block blob, named after it: letters, digits, "-" and "_" as they are, all other bytes as %XX.
// Its metadata are the record: leader_format, leader_token, leader_id (the ID of the blob lease), leader_holder,
// leader_length, leader_acquired, leader_renew_every and leader_attributes, the values escaped as in a URL's query. Other
// people's metadata on such a blob are kept; the upper and lower case of their names, which means nothing to Azure, may
// change. A blob without this metadata is somebody else's and is left alone: while it is leased it is held, and else it is
// an [lease.ErrRecord], also if it is empty. For to begin with token 1 on a blob whose metadata were wiped by hand would
// break the promise that tokens only grow.
//
// Whoever may write to the container can break every lease in it ("az storage blob lease break"), which the holder
// finds at its next renewal. Nobody can change or delete a blob by accident while it is leased, as Azure refuses that
// without the lease's ID.
//
// # Requests
//
// A poll of a held lease is one request (Get Blob Properties), an acquisition three (and Lease Blob, Set Blob Metadata),
// four if the blob has to be made (Put Blob), a renewal one and a release one (Lease Blob). Only conflicts and failures
// cost more. The SDK's own retries are off: each call is one attempt, as [lease.Manager] says, package leader makes the
// next one, and a "no" is never the echo of an attempt before. A request may take 30 seconds, or as long as ctx says.
//
// At the default intervals of package leader, each node sends one request in five seconds, 518,400 in 30 days. All but
// Put Blob are billed as "other operations"
// (https://learn.microsoft.com/azure/storage/blobs/map-rest-apis-transaction-categories, 2025-05); at some $0.0044 for
// 10,000 of these (hot tier, LRS; https://azure.microsoft.com/pricing/details/storage/blobs/ has the price of a region
// and a day) that is about $0.23 a month for the leader, and as much for each standby. Storage costs nothing to speak of.
//
// After a failure, an acquisition is undone once: Release Lease, and if Azure then says that there is no such lease, Set
// Blob Metadata, which keeps a request that is still under way from getting it.
//
// # What counts as an answer
//
// Only Azure's own answer to the very request that was sent. It has Azure's request ID and version; the request ID that the
// client sent comes back in it; that to Acquire and Renew Lease names the lease; and the request was not redirected. Anything
// else, whatever its status, is an error that leaves open what became of the request: a filter that begins to answer 200
// with a page of its own renews nothing, and a proxy's 404 or 409 neither frees a lease nor ends one.
//
// A client that was made with an account key signs the headers that it sends, so that New cannot add a request ID to
// them, and another account's answer may be taken for its own, except to Acquire and Renew Lease. Make such a client with
// a request ID: runtime.NewRequestIDPolicy of azcore in its options' PerCallPolicies. Open does.
//
// # Who may use it
//
// The role "Storage Blob Data Contributor" on the container suffices, and so does a SAS with the permissions r, w, c
// and, for List, l. WithCreateContainer needs the role on the storage account.
//
// # Accounts and containers
//
// Everything needs the primary endpoint, as "-secondary" lags behind. Snapshots of the blobs do no harm, and neither
// does what follows:
//
//   - Versioning keeps a version of each acquisition, as Set Blob Metadata makes one; renewals and releases make none
//     (https://learn.microsoft.com/azure/storage/blobs/versioning-overview). They are empty, but a lifecycle rule should
//     delete previous versions where leaders change by the minute: beyond 1,000, listing gets slow.
//   - Soft delete keeps nothing, since metadata that are overwritten are not kept, and nothing is deleted
//     (https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview).
//   - A hierarchical namespace (Data Lake Storage) is as good as a flat one. List passes its directories over.
//   - An immutability policy or a legal hold refuses new metadata, and a lifecycle rule that moves blobs to the archive
//     tier does likewise: every acquisition is an [lease.ErrMisconfigured].
//
// Whoever deletes a blob, or restores older metadata, makes the tokens begin anew. An account that fails over to its
// secondary region loses what was not copied there yet, the latest token perhaps
// (https://learn.microsoft.com/azure/storage/common/storage-disaster-recovery-guidance).
//
// # URL
//
// The URL is azblob://account/container, or azblob://account/container/folder to have all blobs below folder/. Its keys:
//
//   - create=true makes the container when a lease is acquired and it is missing. To list makes none.
//   - suffix=core.usgovcloudapi.net is for an account of Azure Government, suffix=core.chinacloudapi.cn for one in China, and
//     any other for a cloud whose accounts are at https://account.blob.SUFFIX.
//   - endpoint=https%3A%2F%2Faccount.z12.blob.storage.azure.net is for an account with a DNS zone endpoint, or with a domain of
//     its own.
//
// Without these, the account is at https://account.blob.core.windows.net. The credential is azidentity.DefaultAzureCredential:
// environment variables, workload identity, managed identity, az login. It is asked for at the identity service of the
// account's cloud: the Government's or China's, going by the address, and else as AZURE_AUTHORITY_HOST says, or the public
// one. It is shown over https only.
//
// If AZURE_STORAGE_CONNECTION_STRING is set, it says where the account is and what gives access, an account key or a SAS. The
// account in the URL, unless it is left out (azblob:///container), must be the same, and so must suffix and endpoint.
// UseDevelopmentStorage=true is Azurite on this machine.
//
// What Open makes has connections of its own, over HTTP/1.1; [lease.Close] closes them.
package azblob

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/lease"
)

// An Option changes what New returns.
type Option func(*manager)

// WithPrefix puts the prefix before the name of every blob, as it is: "leases/" makes a folder. It is at most 259 bytes
// of UTF-8; no part of it between slashes is empty or ends in a dot, and it has no backslash and no control characters.
func WithPrefix(prefix string) Option { return func(m *manager) { m.prefix = prefix } }

// WithCreateContainer makes the container, without public access, when the first lease is acquired and it is missing.
func WithCreateContainer() Option { return func(m *manager) { m.create = true } }

// New returns the Manager that keeps its leases in the container. It never fails: what is wrong with the container is an
// error of the calls. It sends nothing by itself. Its Renew changes neither the length (that is an ErrInvalid) nor the
// attributes of a lease.
//
// If an answer is lost, Release returns the error, though the lease may be free, and the next Release finds it so and
// returns a *lease.LostError with LostReleased. Between two requests of somebody's acquisition, a HeldError and Inspect
// show a lease that is held with the holder, the ID and the token before. So neither proves that the holder that it shows
// still has the lease; a look a moment later shows who has it.
func New(client *container.Client, opts ...Option) lease.Manager {
	m := &manager{container: client, late: rand.Float64()}
	for _, opt := range opts {
		opt(m)
	}
	if m.problem = m.check(); client != nil {
		m.marks, m.place = canMark(client), placeOf(client.URL(), m.prefix)
		m.name = containerOf(client.URL())
	}
	return m
}

type manager struct {
	container *container.Client
	name      string // of the container
	prefix    string
	place     string // the container and the prefix, in errors
	create    bool
	marks     bool    // it adds a request ID to what it sends, to know the answer by
	page      int32   // blobs that one answer lists; 0: as many as the service likes
	problem   error   // why no call can work
	late      float64 // of this manager's looks among those of others: 0 to 1
	close     func()  // gives up what Open made; nil: it made nothing
}

func (m *manager) check() error {
	if m.container == nil {
		return fmt.Errorf("%w: there is no client: pass one to azblob.New", lease.ErrMisconfigured)
	}
	if err := checkPrefix(m.prefix); err != nil {
		return fmt.Errorf("%w: the prefix %q %w: use another in WithPrefix", lease.ErrMisconfigured, m.prefix, err)
	}
	return nil
}

// String is the URL that Open takes for this place, if there is one, and else "azblob:" and the container's URL, without a
// SAS.
func (m *manager) String() string {
	if m.container == nil {
		return "azblob"
	}
	return m.place
}

// Limits are Azure's.
func (m *manager) Limits() lease.Limits { return limits }

// Close implements lease.Closer: it closes the connections that Open made. A client that New was given is left alone.
func (m *manager) Close() error {
	if m.close != nil {
		m.close()
	}
	return nil
}

// begin comes before everything else in a call.
func (m *manager) begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.problem
}
