package azblob

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/cloudlease/leader/internal/storeurl"
)

// publicSuffix ends an account's host name in the public cloud. The Government's and China's suffixes are
// core.usgovcloudapi.net and core.chinacloudapi.cn:
// https://learn.microsoft.com/azure/storage/common/storage-powershell-independent-clouds
const publicSuffix = "core.windows.net"

var (
	// accountName matches valid account names, none of which turns the URL into that of another host.
	// https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name
	accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

	// accountHost matches an account's host: its name, the DNS zone if the endpoint has one, and the suffix.
	// https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints
	accountHost = regexp.MustCompile(`^([a-z0-9]{3,24})(-secondary)?\.(z[0-9]+\.)?blob\.([a-z0-9-]+(?:\.[a-z0-9-]+)+)$`)

	// containerName matches the names of containers. https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
	containerName = regexp.MustCompile(`^(\$[a-z]+|[a-z0-9-]{3,63})$`)

	endpointSuffix = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

// placeOf returns Open's URL for a container and a prefix in it.
func placeOf(containerURL, prefix string) string {
	u, err := url.Parse(containerURL)
	if err != nil {
		return "azblob"
	}
	u.RawQuery, u.User, u.Fragment = "", nil, "" // a SAS is a secret
	container := containerOf(containerURL)
	u.Path, u.RawPath = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/"+container), ""
	endpoint := u.String()
	account, _ := accountAt(endpoint)
	if !accountName.MatchString(account) {
		account = ""
	}
	where := map[string]string{}
	switch parts := accountHost.FindStringSubmatch(u.Host); {
	case u.Scheme != "https" || parts == nil || parts[2] != "" || parts[3] != "" || u.Path != "":
		where["endpoint"] = endpoint
	case parts[4] != publicSuffix:
		where["suffix"] = parts[4]
	}
	return storeurl.PlaceIn("azblob", account, "/"+container, prefix, where)
}

// containerOf returns the container's name in its URL.
func containerOf(containerURL string) string {
	parts, err := blob.ParseURL(containerURL)
	if err != nil {
		return ""
	}
	return parts.ContainerName
}

// accountAt returns the account of a blob endpoint. The host names it; if the host is an address or a machine's name,
// the first part of the path does. Empty: the endpoint does not tell, for example a custom domain. secondary: the
// endpoint is the account's read-only copy.
func accountAt(endpoint string) (account string, secondary bool) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", false
	}
	if parts := accountHost.FindStringSubmatch(u.Hostname()); parts != nil {
		return parts[1], parts[2] != ""
	}
	if net.ParseIP(u.Hostname()) == nil && strings.Contains(u.Hostname(), ".") {
		return "", false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return strings.CutSuffix(first, "-secondary")
}

// cloudOf returns the cloud of an endpoint, whose identity service gives the token. The zero value leaves the choice to
// azidentity, which uses AZURE_AUTHORITY_HOST or else the public cloud. A token for https://storage.azure.com is valid
// in all clouds: https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
func cloudOf(endpoint string) cloud.Configuration {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
	case strings.HasSuffix(u.Hostname(), ".usgovcloudapi.net"):
		return cloud.AzureGovernment
	case strings.HasSuffix(u.Hostname(), ".chinacloudapi.cn"):
		return cloud.AzureChina
	}
	return cloud.Configuration{}
}
