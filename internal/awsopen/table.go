package awsopen

// A row says whether one error is temporary, and what to do about it. Errors without a row are temporary: network
// errors, 5xx, throttling, and unknown codes.
type row struct {
	from    string // who answered
	code    string // the answer's code
	status  int    // or its status, where there are no codes
	text    string // or the SDK's text, where nobody answered and the error has no type; it says so itself, and not what contains another failure
	advice  string
	lasting bool // permanent until somebody follows the advice
	renew   bool // other credentials may help: read the configuration again
	source  string
}

const (
	keys      = "renew or replace the AWS credentials (aws sts get-caller-identity shows whose they are)"
	signedUp  = "activate the service, or the Region, for the AWS account, or use the credentials of another"
	clock     = "set this machine's clock: AWS refuses requests that are more than 15 minutes off"
	none      = "set AWS_PROFILE, or give this machine a role: there are no AWS credentials"
	noMachine = "set AWS_PROFILE, or give this machine a role: there are no AWS credentials in the environment or in ~/.aws, and this machine's " +
		"metadata service does not give any"
	login   = "log in again with aws sso login, or use another AWS_PROFILE: the session has expired, or its cached token is broken"
	relogin = "log in again with aws login, or use another AWS_PROFILE: the session has expired, or its cached token is broken"
	allowed = "allow signin:CreateOAuth2Token to the user who logs in with aws login, or use another AWS_PROFILE"
	cache   = "let this program read and write the directory of the cached token, below ~/.aws or in AWS_LOGIN_CACHE_DIRECTORY, on a disk that is not full"
	ssoRole = "check sso_account_id and sso_role_name in ~/.aws/config, and that this user is assigned to them"
	trust   = "allow sts:AssumeRole on the role to this program's own identity, and this identity in the role's trust policy"
	token   = "check the web identity token, its audience and issuer, and that the role's trust policy names its provider"
	process = "run the credential_process of ~/.aws/config by hand, and correct it"
	pod     = "check that the role of this task or pod exists, and that ECS or EKS may assume it"
	podFile = "check the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names: this program must be able to read it, and it has no line break"
	agent   = "check that the agent runs that gives this task or pod its credentials: that of ECS, or of EKS Pod Identity"
	key     = "check the KMS key that encrypts the data: "

	commonErrors = "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"
	dynamoErrors = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"
	s3Errors     = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList"
	assumeRole   = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors"
	webIdentity  = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors"
	portal       = "https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html#API_GetRoleCredentials_Errors"
	oidc         = "https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html#API_CreateToken_Errors"
	signinPage   = "https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html"
	metadata     = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-returns.html"
	containers   = "https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html"
	processes    = "https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html"
	sso          = "https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html"
	chain        = "https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html"
	signedUpNot  = "https://github.com/webiny/webiny-js/issues/1517" // DynamoDB's code and S3's, NotSignedUp, for one account; no page of AWS's has the former
	decrypt      = "https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors"
)

var rows = []row{
	// The store's service refuses the credentials.
	{code: "UnrecognizedClientException", advice: keys, lasting: true, renew: true, source: dynamoErrors},
	{code: "IncompleteSignatureException", advice: keys, lasting: true, renew: true, source: dynamoErrors},
	{code: "MissingAuthenticationTokenException", advice: keys, lasting: true, renew: true, source: dynamoErrors},
	{code: "InvalidSignatureException", advice: keys, lasting: true, renew: true, source: commonErrors},
	{code: "ExpiredTokenException", advice: keys, lasting: true, renew: true, source: commonErrors},
	{code: "InvalidClientTokenId", advice: keys, lasting: true, renew: true, source: commonErrors},
	{code: "InvalidAccessKeyId", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "SignatureDoesNotMatch", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "ExpiredToken", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "InvalidToken", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "InvalidSecurity", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "TokenRefreshRequired", advice: keys, lasting: true, renew: true, source: s3Errors},
	{code: "OptInRequired", advice: signedUp, lasting: true, source: commonErrors},
	{code: "NotSignedUp", advice: signedUp, lasting: true, source: s3Errors},
	{code: "SubscriptionRequiredException", advice: signedUp, lasting: true, source: signedUpNot},
	{code: "RequestTimeTooSkewed", advice: clock, source: s3Errors}, // the SDK adjusts its clock and tries again
	{code: "RequestExpired", advice: clock, source: commonErrors},

	// A role is assumed.
	{from: "STS", code: "AccessDenied", advice: trust, lasting: true, renew: true, source: assumeRole},
	{from: "STS", code: "ExpiredToken", advice: keys, lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "InvalidClientTokenId", advice: keys, lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "SignatureDoesNotMatch", advice: keys, lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "IncompleteSignature", advice: keys, lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "MissingAuthenticationToken", advice: keys, lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "OptInRequired", advice: signedUp, lasting: true, source: commonErrors},
	{from: "STS", code: "RegionDisabledException", advice: signedUp, lasting: true, source: assumeRole},
	{from: "STS", code: "ValidationError", advice: "correct role_arn, role_session_name and external_id", lasting: true, renew: true, source: commonErrors},
	{from: "STS", code: "ExpiredTokenException", advice: token, lasting: true, renew: true, source: webIdentity},
	{from: "STS", code: "IDPRejectedClaim", advice: token, lasting: true, renew: true, source: webIdentity},
	{from: "STS", code: "IDPCommunicationError", source: webIdentity},                                // "often a transient error"
	{from: "STS", code: "InvalidIdentityToken", advice: token, source: webIdentity},                  // temporary to the SDK
	{from: "STS", code: "RequestExpired", advice: clock, source: commonErrors},                       //
	{text: "failed to retrieve jwt", advice: token, lasting: true, renew: true, source: webIdentity}, // its file cannot be read

	// A user has logged in.
	{text: "the SSO session has expired or is invalid", advice: login, lasting: true, renew: true, source: sso},
	{text: "cached SSO token is expired, or not present", advice: login, lasting: true, renew: true, source: sso},
	{text: "failed to read cached SSO token", advice: login, lasting: true, renew: true, source: sso},
	{text: "failed to parse cached SSO token", advice: login, lasting: true, renew: true, source: sso},
	{text: "cached SSO token must contain", advice: login, lasting: true, renew: true, source: sso},
	{text: "cached SSO token", advice: cache, source: sso}, // there is a new one, and its file cannot be written
	{from: "SSO", code: "UnauthorizedException", advice: login, lasting: true, renew: true, source: portal},
	{from: "SSO", code: "ResourceNotFoundException", advice: ssoRole, lasting: true, renew: true, source: portal},
	{from: "SSO", code: "ForbiddenException", advice: ssoRole, lasting: true, renew: true, source: portal},
	{from: "SSO", code: "InvalidRequestException", advice: ssoRole, lasting: true, renew: true, source: portal},
	{from: "SSO", code: "TooManyRequestsException", source: portal},
	{from: "SSO OIDC", code: "InvalidGrantException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "ExpiredTokenException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "InvalidClientException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "UnauthorizedClientException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "AccessDeniedException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "InvalidRequestException", advice: login, lasting: true, renew: true, source: oidc},
	{from: "SSO OIDC", code: "InternalServerException", source: oidc},
	{from: "SSO OIDC", code: "SlowDownException", source: oidc},
	{text: "please reauthenticate", advice: relogin, lasting: true, renew: true, source: signinPage},
	{text: "missing permissions for the CreateOAuth2Token action", advice: allowed, lasting: true, renew: true, source: signinPage},
	{text: "validate login token", advice: relogin, lasting: true, renew: true, source: signinPage},
	{text: "load login token", advice: relogin, source: signinPage}, // of half a file, too, which another process is just writing
	{text: "save token", advice: cache, source: signinPage},
	{from: "Signin", code: "AccessDeniedException", advice: relogin, lasting: true, renew: true, source: signinPage}, // for no reason that the SDK knows
	{from: "Signin", code: "AUTHCODE_EXPIRED", advice: relogin, lasting: true, renew: true, source: signinPage},
	{from: "Signin", code: "INVALID_REQUEST", advice: relogin, lasting: true, renew: true, source: signinPage},
	{from: "Signin", code: "server_error", source: signinPage},
	{from: "Signin", code: "InvalidGrantException", advice: relogin, lasting: true, renew: true, source: signinPage},
	{from: "Signin", code: "ValidationException", advice: relogin, lasting: true, renew: true, source: signinPage},
	{from: "Signin", code: "TooManyRequestsError", source: signinPage},

	// A machine, a task or a pod has a role.
	{from: "ec2imds", status: 400, advice: none, lasting: true, renew: true, source: metadata},
	{from: "ec2imds", status: 403, advice: none, lasting: true, renew: true, source: metadata}, // "or the IMDS is turned off"
	{from: "ec2imds", status: 404, advice: none, lasting: true, renew: true, source: metadata}, // the machine has no role
	{from: "ec2imds", status: 401, advice: noMachine, source: metadata},                        // a token has expired: the SDK gets another
	{from: "ec2imds", status: 429, advice: noMachine, source: metadata},
	{from: "ec2imds", status: 503, advice: noMachine, source: metadata}, // "retry the request"
	{text: "access disabled to EC2 IMDS", advice: none, lasting: true, renew: true, source: chain},
	{from: "ec2imds", advice: noMachine, source: chain}, // nobody answers: another kind of machine, or no network yet
	{text: "static credentials are empty", advice: none, lasting: true, renew: true, source: chain},
	{code: "AssumeRoleUnauthorizedAccess", advice: "allow ec2.amazonaws.com in the trust policy of this machine's role", lasting: true, renew: true,
		source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html"},
	{from: container, status: 400, advice: pod, lasting: true, renew: true, source: containers},
	{from: container, status: 401, advice: pod, lasting: true, renew: true, source: containers},
	{from: container, status: 403, advice: pod, lasting: true, renew: true, source: containers},
	{from: container, status: 404, advice: pod, lasting: true, renew: true, source: containers},
	{from: container, status: 429, source: containers},
	{from: container, status: 500, source: containers},
	{text: "failed to read authorization token", advice: podFile, lasting: true, renew: true, source: containers},
	{text: "authorization token contains invalid newline", advice: podFile, lasting: true, renew: true, source: containers},
	{text: "failed to load credentials", advice: agent, source: containers}, // nobody answers

	// A program supplies credentials. Its failure may be a temporary network error; a missing program is permanent.
	{text: "error in credential_process: exit status 126", advice: process, lasting: true, renew: true, source: processes},
	{text: "error in credential_process: exit status 127", advice: process, lasting: true, renew: true, source: processes},
	{text: "error in credential_process", advice: process, source: processes},
	{text: "credential process timed out", advice: process, source: processes},
	{text: "in process output", advice: process, lasting: true, renew: true, source: processes},
	{text: "parse failed of process output", advice: process, lasting: true, renew: true, source: processes},

	// The key that encrypts the data, through the store's service.
	{from: kms, code: "AccessDeniedException", lasting: true, source: decrypt,
		advice: key + "allow this program's identity, in its own policy and in the key's, the action that the answer names"},
	{from: kms, code: "AWSKMSException", lasting: true, source: decrypt, advice: key + "the answer says what is wrong with it"},
	{from: kms, code: "DisabledException", lasting: true, source: decrypt, advice: key + "enable it (aws kms enable-key)"},
	{from: kms, code: "NotFoundException", lasting: true, source: decrypt, advice: key + "it does not exist in this Region; what it encrypted cannot be read"},
	{from: kms, code: "KMSInvalidStateException", lasting: true, source: decrypt,
		advice: key + "if it is pending deletion, cancel that (aws kms cancel-key-deletion) and enable it"},
	{from: kms, code: "InvalidKeyUsageException", lasting: true, source: decrypt, advice: key + "it must be symmetric, for ENCRYPT_DECRYPT"},
	{from: kms, code: "KeyUnavailableException", source: decrypt}, // "you can retry the request"
	{from: kms, code: "DependencyTimeoutException", source: decrypt},
	{from: kms, code: "KMSInternalException", source: decrypt},
	{from: kms, code: "ThrottlingException", source: "https://docs.aws.amazon.com/kms/latest/developerguide/throttling.html"},
}
