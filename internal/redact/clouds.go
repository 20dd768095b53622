package redact

import (
	"fmt"
	"regexp"
	"strings"
)

// clouds lists the hosts of the clouds, with the form of the store URL for each service.
//
//   - S3: https://docs.aws.amazon.com/general/latest/gr/s3.html
//   - DynamoDB: https://docs.aws.amazon.com/general/latest/gr/ddb.html
//   - Cloud Storage: https://cloud.google.com/storage/docs/request-endpoints
//   - Azure: https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints
var clouds = []struct {
	host *regexp.Regexp
	form string
}{
	{regexp.MustCompile(`(^|\.)s3[.-]([a-z0-9-]+\.)*` + aws), "s3://bucket/folder?region=eu-west-1"},
	{regexp.MustCompile(`(^|\.)(dynamodb(-fips)?|ddb)\.([a-z0-9-]+\.)*` + aws), "dynamodb://table?region=eu-west-1"},
	{regexp.MustCompile(`(^|\.)storage(\.mtls)?\.(googleapis|cloud\.google)\.com$`), "gs://bucket/folder"},
	{regexp.MustCompile(`\.(blob|dfs)\.([a-z0-9-]+\.)*(core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|storage\.azure\.net)$`), "azblob://account/container/folder"},
}

const aws = `(amazonaws\.com(\.cn)?|amazonaws\.eu|api\.aws)$`

// Cloud says what is wrong with a host that is the address of a cloud's service, such as bucket.s3.eu-west-1.amazonaws.com,
// and how to write the store URL. Both are empty if the host is no cloud's.
func Cloud(host string) (why, advice string) {
	host = strings.ToLower(host)
	for _, c := range clouds {
		if c.host.MatchString(host) {
			return "this is the address of a cloud's service",
				fmt.Sprintf("write the place as %s, and give the credentials in the environment", c.form)
		}
	}
	return "", ""
}

// IsCloud reports whether a host is the address of a cloud's service.
func IsCloud(host string) bool {
	_, advice := Cloud(host)
	return advice != ""
}
