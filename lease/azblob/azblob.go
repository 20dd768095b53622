// Package azblob keeps leases in an Azure Blob Storage container, as the native leases of its blobs.
//
// Azure itself ensures that a blob has one lease at a time, and that the lease runs out: no client's clock decides
// (R1). So a standby that has just started takes over a lease as soon as the lease is over. Azure does not show when
// that will be, so a standby polls, just after the moments at which the lease can run out. It computes these moments
// from when the leader acquired the lease and how often it renews, which works if the clocks agree. A blob lease lasts
// 15 to 60 seconds, in whole seconds (https://learn.microsoft.com/rest/api/storageservices/lease-blob). It can be
// renewed, but its length cannot change.
//
// # What is in the container
//
// Each lease has a block blob of the same name: letters, digits, "-" and "_" stay as they are, all other bytes
// are written as %XX. The blob's metadata are the record: leader_format, leader_token, leader_id (the ID of the blob
// lease), leader_holder, leader_length, leader_acquired, leader_renew_every, leader_attributes, leader_value_number,
// leader_next (while it is left to a named node), leader_heeds and leader_wish (what its holder can be asked, and is),
// leader_hold_at_least (of a job that runs once), and leader_history (the terms before, as far as 1 KiB has room for them; when each
// ended, Azure does not show). They are escaped as in a URL's query. The blob's content is the lease's value; it is empty if the lease has none. The package keeps
// other metadata on such a blob, but may change the upper and lower case of their names, which Azure ignores. A blob without this
// metadata belongs to another program, and the package leaves it alone: it counts as held while it is leased, and otherwise as a
// [lease.ErrRecord], even if it is empty. A person may have wiped its metadata, and beginning again with token 1 would break the
// promise that tokens only grow.
//
// Anybody who may write to the container can break every lease in it ("az storage blob lease break"); the holder
// notices at its next renewal. Nobody can change or delete a leased blob by accident, because Azure refuses that
// without the lease's ID.
//
// # Requests
//
// A poll of a held lease takes one request (Get Blob), and reads the value. An acquisition takes three (the same, Lease Blob,
// Set Blob Metadata), or four if the blob must be made (Put Blob). A renewal takes one, and so does a release (Lease Blob). A
// renewal that changes the value takes one more (Put Blob), and so does one that changes the attributes alone (Set Blob
// Metadata). A release with a change that no renewal has stored, or that names the next holder, begins with such a renewal. A wish
// takes two requests of the one who asks (Get Blob, Set Blob Metadata), and two more of the holder's next renewal, which recognizes the
// wish by the blob's ETag. Only conflicts and failures take more. The SDK's own retries are off: each call is one attempt, as
// [lease.Manager] requires, and package leader makes the next. So a refusal never results from an earlier attempt of the same call. A
// request may take 30 seconds, or until ctx ends.
//
// At the default intervals of package leader, each node sends one request in five seconds, 518,400 in 30 days. Azure
// bills Get Blob as a "read operation", Put Blob as a "write operation", and the rest as "other operations"
// (https://learn.microsoft.com/azure/storage/blobs/map-rest-apis-transaction-categories, 2025-05). At some $0.0044 for
// 10,000 reads or others (hot tier, LRS; see https://azure.microsoft.com/pricing/details/storage/blobs/ for a region and a
// day), the leader costs about $0.23 a month, and each standby as much. At some $0.055 for 10,000 writes, a change of the value
// costs as much as 13 renewals, however long the value is. The storage costs next to nothing. Keep the blobs in the hot tier:
// the others charge more for reads.
//
// After a failed acquisition, the package tries to undo it with Release Lease, and once more if there is no answer. If
// Azure says that there is no such lease, Set Blob Metadata keeps a request that is still under way from acquiring it.
// If another node has the lease, one more Get Blob shows which. That writes no content: the value stays as it was.
//
// # What counts as an answer
//
// Only Azure's own answer to the very request counts. Such an answer has Azure's request ID and version, and repeats
// the request ID that the client sent. An answer to Acquire or Renew Lease names the lease. The request was not
// redirected. Any other answer, whatever its status, is an error that leaves the request's outcome open: a filter that
// answers 200 with its own page renews nothing, and a proxy's 404 or 409 neither frees a lease nor ends one.
//
// A proxy or cache may drop the condition of a request, If-Match. If Azure then grants a lease whose record has changed since it was
// read, that is noticed: the lease is given back, and the error is a [lease.ErrMisconfigured]. The answers to other writes do not show
// it. "leader doctor" finds it out.
//
// A client that was made with an account key signs the headers that it sends, so New cannot add a request ID to them.
// Another account's answer may then count as an answer to this client, except to Acquire and Renew Lease. Make such a
// client with a request ID: add runtime.NewRequestIDPolicy of azcore to its options' PerCallPolicies, as Open does.
//
// # Who may use it
//
// The role "Storage Blob Data Contributor" on the container suffices. So does a SAS with the permissions r, w, c and,
// for List, l. WithCreateContainer needs the role on the storage account.
//
// # Accounts and containers
//
// Use the primary endpoint: "-secondary" lags behind. Snapshots of the blobs do no harm. Other features have these
// effects:
//
//   - Versioning keeps a version for each acquisition and for each change of the value or the attributes; other renewals and
//     releases make none (https://learn.microsoft.com/azure/storage/blobs/versioning-overview). So each value is kept. Where
//     leaders or values change every minute, a lifecycle rule should delete previous versions: listing gets slow beyond 1,000.
//   - Soft delete keeps each value that a Put Blob overwrites, as a snapshot, for its retention period
//     (https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview). It keeps no overwritten metadata, and the
//     package deletes nothing: leases without values leave nothing behind. In a container for frequent values, switch it off.
//   - Put Blob replaces the blob. So a change of the value resets what the package does not write again: the blob's index
//     tags, its HTTP headers such as Content-Type, and its access tier.
//   - A hierarchical namespace (Data Lake Storage) works as well as a flat one. List skips its directories.
//   - An immutability policy or a legal hold refuses new metadata, and a blob that a lifecycle rule moved to the archive tier
//     cannot be read: every acquisition is a [lease.ErrMisconfigured].
//
// Deleting a blob, or restoring older metadata, makes the tokens begin again. An account that fails over to its
// secondary region loses what was not copied there yet, perhaps the latest token
// (https://learn.microsoft.com/azure/storage/common/storage-disaster-recovery-guidance).
//
// # URL
//
// A program that opens URLs imports package byurl, which brings azidentity along. The URL is azblob://account/container, or
// azblob://account/container/folder to have all blobs below folder/. The query may have
//
//   - create=true, to make a missing container when a lease is acquired. Listing makes none.
//   - suffix=core.usgovcloudapi.net for an account of Azure Government, suffix=core.chinacloudapi.cn for one in China,
//     or another for a cloud whose accounts are at https://account.blob.SUFFIX.
//   - endpoint=https://account.z12.blob.storage.azure.net for an account with a DNS zone endpoint or a custom domain.
//   - prefix, for a prefix that is not a folder (instead of a folder in the path): see [WithPrefix].
//
// Without suffix and endpoint, the account is at https://account.blob.core.windows.net. The credential, unless the program gives [Opener] another, is
// azidentity.DefaultAzureCredential: environment variables, workload identity, managed identity, az login. It comes
// from the identity service of the account's cloud: the Government's or China's if the address is theirs, and otherwise
// the one that AZURE_AUTHORITY_HOST names, or the public one. The client sends it over https only. If the identity service refuses the
// credential, the client makes it anew, so that a certificate that was replaced in its file counts.
//
// If AZURE_STORAGE_CONNECTION_STRING is set, it gives the account's address and either an account key or a SAS. The
// account in the URL, unless it is left out (azblob:///container), must be the same, and so must suffix and endpoint.
// UseDevelopmentStorage=true is Azurite on this machine.
//
// The manager that Open makes has its own connections, over HTTP/1.1; [lease.Close] closes them.
package azblob

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/firstseen"
	"github.com/cloudlease/leader/lease"
)

// An Option changes the Manager that New returns. With a nil one, every call returns a lease.ErrMisconfigured.
type Option func(*manager)

// WithPrefix puts the prefix before the name of every blob, unescaped: "leases/" makes a folder. The prefix is at most
// 259 bytes of UTF-8 without backslashes and control characters. No part between slashes may be empty or end in a dot.
func WithPrefix(prefix string) Option { return func(m *manager) { m.prefix = prefix } }

// WithCreateContainer makes a missing container, without public access, when the first lease is acquired.
func WithCreateContainer() Option { return func(m *manager) { m.create = true } }

// New returns a Manager that keeps its leases in the container. New never fails and sends nothing: a problem with the
// container shows as an error of later calls. Renew cannot change the length of a lease: another length is an ErrInvalid.
// List reads no blob's content, and shows no values. Package checkpoint keeps its cells in the same container (NewStore).
//
// If the answer to a release is lost, Release returns the error, though the lease may be free. The next Release then
// returns a *lease.LostError with LostReleased. While another node acquires the lease, between its two requests, a
// HeldError and Inspect show a held lease with the previous holder, ID and token. So neither proves that the holder it
// shows still has the lease; a look a moment later shows the new one.
func New(client *container.Client, opts ...Option) lease.Manager {
	m := &manager{container: client, late: rand.Float64()}
	m.problem = failure.Apply(m, opts)
	if m.problem = cmp.Or(m.problem, m.check()); client != nil {
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
	marks     bool             // it adds a request ID to each request, to recognize the answer
	page      int32            // blobs per page of a list; 0: the service's default
	problem   error            // the reason why no call can work
	late      float64          // 0 to 1: spreads this manager's looks among those of others
	named     firstseen.Memory // since when released leases have been as they are that name the next holder
	close     func()           // closes the connections that Open made; nil: New was given the client
}

func (m *manager) check() error {
	if m.container == nil {
		return failure.Misconfigured("there is no client", "pass one to azblob.New")
	}
	if err := checkPrefix(m.prefix); err != nil {
		return failure.Misconfigured(fmt.Sprintf("the prefix %q %v", m.prefix, err), "use another in WithPrefix")
	}
	return nil
}

// String returns the place as the URL that Open takes: "azblob://account/container/folder". Open does not take an account's
// secondary endpoint, and takes an endpoint that is not https only with a connection string.
func (m *manager) String() string {
	if m.container == nil {
		return "azblob"
	}
	return m.place
}

// Limits returns Azure's limits.
func (m *manager) Limits() lease.Limits { return limits }

// Close implements lease.Closer. It closes the connections that Open made, and leaves a client that New was given
// alone.
func (m *manager) Close() error {
	if m.close != nil {
		m.close()
	}
	return nil
}

// begin comes first in every call: it returns an error if the call cannot work.
func (m *manager) begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.problem
}
