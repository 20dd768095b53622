package azblob

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/cloudlease/leader/lease"
)

const (
	adviceRole   = `give this process's identity the role "Storage Blob Data Contributor" on the container, or use a SAS with r, w, c and l`
	adviceAccess = "the account key or the SAS is wrong, has expired or was renewed, or this machine's clock is off: get a new one"
	adviceHold   = "keep leases in a container without immutability policy and legal hold"
	adviceVault  = "let the account use its customer-managed key again: the key must exist and be enabled, the vault be there, and the account's identity may get, wrap and unwrap it"
	adviceTier   = "move the blob back to the hot tier, and exclude it from the lifecycle rule that archives it"
)

// advice says what to do about a permanent error, by its code.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and common-rest-api-error-codes
var advice = map[bloberror.Code]string{
	bloberror.ContainerNotFound:                 "create the container, name another, or use WithCreateContainer (?create=true)",
	bloberror.ContainerDisabled:                 "enable the container, or name another",
	bloberror.InvalidResourceName:               "a container's name is 3 to 63 lower-case letters, digits and single hyphens: name another",
	bloberror.AuthenticationFailed:              adviceAccess,
	bloberror.AuthorizationFailure:              "let this machine's network through the account's firewall; if it does, " + adviceRole,
	bloberror.AccountIsDisabled:                 "enable the storage account, or name another",
	"KeyBasedAuthenticationNotPermitted":        "the account takes no account keys: use an identity, and " + adviceRole,
	bloberror.AuthorizationProtocolMismatch:     "the SAS is for https: use an https endpoint",
	bloberror.AuthorizationSourceIPMismatch:     "the SAS is for other IP addresses: get one for this machine's",
	bloberror.AuthorizationResourceTypeMismatch: "the SAS is not for containers and objects (srt=co): get one that is",
	bloberror.AuthorizationServiceMismatch:      "the SAS is not for blobs (ss=b): get one that is",
	bloberror.BlobImmutableDueToPolicy:          adviceHold,
	bloberror.BlobArchived:                      adviceTier,
	"KeyVaultEncryptionKeyNotFound":             adviceVault,
	"KeyVaultVaultNotFound":                     adviceVault,
	"KeyVaultAccessTokenCannotBeAcquired":       adviceVault,
	"AccountRequiresHttps":                      "use an https endpoint",
	bloberror.InsufficientAccountPermissions:    adviceRole,
	bloberror.AuthorizationPermissionMismatch:   adviceRole,
	bloberror.MetadataTooLarge:                  "the blob has too much of other programs' metadata: remove some",
}

// diagnose makes an error of the SDK readable: a refusal in one line, and a network failure without the URL, which may
// contain a SAS. It marks permanent errors, and says what to do about them. A busy server, a network that is down and a
// name unknown to DNS are not permanent.
func diagnose(err error) error {
	if answer, ok := errors.AsType[*azcore.ResponseError](err); ok {
		r := refusal{answer}
		if todo := r.todo(); todo != "" {
			return fmt.Errorf("%w: %w: %s", lease.ErrMisconfigured, r, todo)
		}
		return r
	}
	if trouble := diagnoseIdentity(err); trouble != nil {
		return trouble
	}
	if err != nil && strings.Contains(err.Error(), "not permitted for non-TLS protected") { // this error has no type
		return fmt.Errorf("%w: %w: use the https endpoint", lease.ErrMisconfigured, err)
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		return sent.Err
	}
	return err
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
		return "the account wants to know who asks: " + adviceAccess + ", or log in with an identity, and " + adviceRole
	case http.StatusForbidden:
		return adviceRole
	}
	return ""
}
