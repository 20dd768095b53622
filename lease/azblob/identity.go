package azblob

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/cloudlease/leader/lease"
)

const (
	adviceLogin  = "log in (az login), give the machine a managed identity, or set " + connectionVariable
	adviceSecret = "make a new secret or certificate for the application, and set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"
	adviceTenant = "set AZURE_TENANT_ID and AZURE_CLIENT_ID to those of an application of the account's tenant"
	adviceCloud  = "name the cloud with ?suffix= in the URL, or set AZURE_AUTHORITY_HOST: the identity is another cloud's"
	adviceTrust  = "give the application a federated credential for this workload: issuer, subject and audience have to be the same"
	adviceAgain  = "" // the error is temporary
)

// entra says what to do about the codes of Microsoft Entra ID that have specific advice or are temporary. Any other
// code is permanent. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var entra = map[int]string{
	40010:   adviceAgain,                                                                                                   // OAuth2IdPRetryableServerError
	50033:   adviceAgain,                                                                                                   // RetryableError: a transient error
	50087:   adviceAgain,                                                                                                   // SasRetryableError: a transient error
	50166:   adviceAgain,                                                                                                   // ExternalClaimsProviderThrottled
	50196:   adviceAgain,                                                                                                   // LoopDetected: too many requests of the same kind; wait
	80002:   adviceAgain,                                                                                                   // OnPremisePasswordValidatorRequestTimedout
	90006:   adviceAgain,                                                                                                   // ExternalServerRetryableError: temporarily unavailable
	90012:   adviceAgain,                                                                                                   // RequestTimeout
	90024:   adviceAgain,                                                                                                   // RequestBudgetExceededError: a transient error
	90033:   adviceAgain,                                                                                                   // MsodsServiceUnavailable
	90055:   adviceAgain,                                                                                                   // TenantThrottlingError: too many incoming requests
	7000215: adviceSecret,                                                                                                  // invalid client secret
	7000222: adviceSecret,                                                                                                  // expired client secret
	700027:  adviceSecret,                                                                                                  // the certificate's signature is refused
	700016:  adviceTenant,                                                                                                  // UnauthorizedClient_DoesNotMatchRequest: no such application in the tenant
	7000112: adviceTenant,                                                                                                  // UnauthorizedClientApplicationDisabled
	90002:   adviceTenant,                                                                                                  // InvalidTenantName
	900023:  adviceTenant,                                                                                                  // InvalidTenantName: neither a domain nor an ID
	90038:   adviceCloud,                                                                                                   // NationalCloudTenantRedirection
	900382:  adviceCloud,                                                                                                   // a confidential client in another cloud
	700024:  "set this machine's clock, or let the workload's token file be renewed: the assertion is not within its time", // InvalidClientAssertion
	70021:   adviceTrust,                                                                                                   // no matching federated identity record
	700211:  adviceTrust,                                                                                                   // likewise, by issuer
	700212:  adviceTrust,                                                                                                   // likewise, by audience
	700213:  adviceTrust,                                                                                                   // likewise, by subject
}

// passing are the temporary OAuth errors, whatever their code.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application
var passing = []string{"temporarily_unavailable", "server_error", "slow_down"}

// metadataPasses are the answers of the instance metadata service that call for another try, besides 5xx.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
var metadataPasses = []int{http.StatusNotFound, http.StatusGone, http.StatusRequestTimeout, http.StatusTooManyRequests}

// unreachable lists texts that only network errors have: azidentity keeps nothing but the text of such an error.
var unreachable = []string{
	"unreachable", "no route to host", "host is down", "connection refused", "actively refused", "connection reset", "timed out", "timeout", "deadline exceeded",
	"no such host", "name resolution", "server misbehaving", "Failed to establish a new connection", "Max retries exceeded", "EOF",
}

// An identityError is an error of azidentity in one line.
type identityError struct {
	text string
	err  error
}

func (e *identityError) Error() string { return e.text }
func (e *identityError) Unwrap() error { return e.err }

// classifyIdentity does the work of classify for an error of azidentity; nil if err is none. The error is permanent if
// no source has a credential, or if the identity service itself refuses one. It is temporary if the service is busy or
// cannot be reached, or if something else answers in its place.
func classifyIdentity(err error) error {
	found := ofIdentity(err)
	if found == nil {
		return nil
	}
	if answer, asked := answerOf(found); asked {
		text, todo := judgeAnswer(found, answer)
		return identityTrouble(text, todo, err)
	}
	todo := adviceLogin
	if mentions(found.Error(), unreachable) {
		todo = adviceAgain
	}
	return identityTrouble(found.Error(), todo, err)
}

// identityPackage has the errors of ofIdentity. This package does not import it: it would be linked into every program on Azure,
// also into those that have no use for it.
const identityPackage = "github.com/Azure/azure-sdk-for-go/sdk/azidentity"

// ofIdentity returns the first error in err's tree whose type is of azidentity; nil if there is none.
func ofIdentity(err error) error {
	if t := reflect.TypeOf(err); t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == identityPackage {
		return err
	}
	switch wraps := err.(type) {
	case interface{ Unwrap() error }:
		return ofIdentity(wraps.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wraps.Unwrap() {
			if found := ofIdentity(one); found != nil {
				return found
			}
		}
	}
	return nil
}

// answerOf returns the answer of the identity service that an error of azidentity tells of, if there was one. asked is whether a
// request was sent: the error is then an AuthenticationFailedError, which has the answer in a field, out of reach of any interface.
func answerOf(failed error) (answer *http.Response, asked bool) {
	fields := reflect.ValueOf(failed).Elem()
	if fields.Kind() != reflect.Struct {
		return nil, false
	}
	field := fields.FieldByName("RawResponse")
	if !field.IsValid() {
		return nil, false
	}
	answer, asked = field.Interface().(*http.Response)
	return answer, asked
}

func identityTrouble(text, todo string, err error) error {
	e := &identityError{"no credential: " + strings.Join(strings.Fields(text), " "), err}
	if todo == adviceAgain {
		return e
	}
	return &lease.MisconfiguredError{Err: e, Advice: todo}
}

// judgeAnswer returns what the identity service answered, and what to do about it.
func judgeAnswer(failed error, answer *http.Response) (text, todo string) {
	if answer == nil {
		return failed.Error(), adviceAgain
	}
	body, _ := runtime.Payload(answer)
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return fmt.Sprintf("answered %d by something that is not the identity service", answer.StatusCode), adviceAgain
	}
	text = said.Error
	if description, _, _ := strings.Cut(said.Description, "\n"); description != "" {
		text = description
	}
	text = fmt.Sprintf("answered %d %.300s", answer.StatusCode, text)
	switch {
	case answer.StatusCode >= 500, slices.Contains(passing, said.Error):
		return text, adviceAgain
	case len(said.Codes) == 0 && slices.Contains(metadataPasses, answer.StatusCode):
		return text, adviceAgain
	case answer.StatusCode == http.StatusTooManyRequests:
		return text, adviceAgain
	}
	for _, code := range said.Codes {
		if todo, known := entra[code]; known {
			return text, todo
		}
	}
	return text, adviceLogin
}

func mentions(text string, any []string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(text, s) })
}
