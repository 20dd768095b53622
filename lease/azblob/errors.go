package azblob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/lease"
)

const (
	adviceRole   = `give this process's identity the role "Storage Blob Data Contributor" on the container, or use a SAS with r, w, c and l`
	adviceAccess = "get a new account key or SAS: this one is wrong, has expired or was renewed, or this machine's clock is off"
	adviceNobody = "log in with an identity, and " + adviceRole + "; or " + adviceAccess
	adviceName   = "name another container: a name is 3 to 63 lower-case letters, digits and single hyphens"
	adviceHold   = "keep leases in a container without immutability policy and legal hold"
	adviceVault  = "let the account use its customer-managed key again: the key must exist and be enabled, the vault be there, and the account's identity may get, wrap and unwrap it"
	adviceKey    = "move the blob away while nobody runs: it is encrypted with somebody's own key, which leases do not have"
	adviceHeader = "update Azurite, or start it with --skipApiVersionCheck, if it does not know the client's version of the API; or go round a proxy that changes headers"
	adviceTier   = "move the blob back to the hot tier, and exclude it from the lifecycle rule that archives it"
)

// advice says what to do about a permanent error, by its code.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and common-rest-api-error-codes
var advice = map[bloberror.Code]string{
	bloberror.ContainerNotFound:                   "create the container, name another, or use WithCreateContainer (?create=true)",
	bloberror.ContainerDisabled:                   "enable the container, or name another",
	bloberror.InvalidResourceName:                 adviceName,
	bloberror.OutOfRangeInput:                     adviceName, // a name that is too long or too short
	bloberror.AuthenticationFailed:                adviceAccess,
	bloberror.AuthorizationFailure:                "let this machine's network through the account's firewall; if it does, " + adviceRole,
	bloberror.AccountIsDisabled:                   "enable the storage account, or name another",
	"KeyBasedAuthenticationNotPermitted":          "use an identity, as the account takes no account keys, and " + adviceRole,
	bloberror.AuthorizationProtocolMismatch:       "use an https endpoint: the SAS is for https",
	bloberror.AuthorizationSourceIPMismatch:       "get a SAS for this machine's IP address: this one is for other IP addresses",
	bloberror.AuthorizationResourceTypeMismatch:   "get a SAS for containers and objects (srt=co)",
	bloberror.AuthorizationServiceMismatch:        "get a SAS for blobs (ss=b)",
	"PublicAccessNotPermitted":                    adviceNobody, // https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent
	bloberror.BlobImmutableDueToPolicy:            adviceHold,
	"BlobImmutableDueToLegalHold":                 adviceHold,
	bloberror.BlobArchived:                        adviceTier,
	bloberror.InvalidBlobType:                     "move the blob away while nobody runs: it is no block blob, as leases are",
	bloberror.BlobUsesCustomerSpecifiedEncryption: adviceKey,
	"KeyVaultEncryptionKeyNotFound":               adviceVault,
	"KeyVaultVaultNotFound":                       adviceVault,
	"KeyVaultAccessTokenCannotBeAcquired":         adviceVault,
	"AccountRequiresHttps":                        "use an https endpoint",
	bloberror.InvalidHeaderValue:                  adviceHeader,
	bloberror.InsufficientAccountPermissions:      adviceRole,
	bloberror.AuthorizationPermissionMismatch:     adviceRole,
	bloberror.MetadataTooLarge:                    "remove some of other programs' metadata from the blob: there is too much",
}

// withoutTLS matches the refusal of azcore to show an identity over http. The error has no type; up to v1.20, azcore writes "non TLS".
var withoutTLS = regexp.MustCompile(`not permitted for non[- ]TLS protected`)

// classify returns what an error of the SDK means: a lease.MisconfiguredError if it is permanent. A refusal is in one line,
// and a network failure without the URL, which may contain a SAS. A busy server, a network that is down and a name unknown
// to DNS are not permanent.
func classify(ctx context.Context, err error) error {
	if answer, ok := errors.AsType[*azcore.ResponseError](err); ok {
		r := refusal{answer}
		if todo := r.todo(); todo != "" {
			return &lease.MisconfiguredError{Err: r, Advice: todo}
		}
		return r
	}
	if trouble := classifyIdentity(err); trouble != nil {
		return trouble
	}
	if err != nil && withoutTLS.MatchString(err.Error()) {
		return &lease.MisconfiguredError{Err: err, Advice: "use the https endpoint"}
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		err = sent.Err
	}
	return failure.WithCause(ctx, err)
}

// A refusal is an error answer of Azure's in one line.
type refusal struct{ *azcore.ResponseError }

func (r refusal) Error() string {
	text := fmt.Sprintf("answered %d %s", r.StatusCode, r.ErrorCode)
	if r.RawResponse != nil {
		if id := r.RawResponse.Header.Get("x-ms-request-id"); id != "" {
			text += " to request " + id
		}
	}
	return text
}

func (r refusal) Unwrap() error { return r.ResponseError }

// todo returns what to do about the answer; empty: try again.
func (r refusal) todo() string {
	if todo := advice[bloberror.Code(r.ErrorCode)]; todo != "" {
		return todo
	}
	switch r.StatusCode {
	case http.StatusUnauthorized:
		return adviceNobody
	case http.StatusForbidden:
		return adviceRole
	}
	return ""
}
