package azblob

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

// connectionVariable is the one that Azure's own tools read.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
const connectionVariable = "AZURE_STORAGE_CONNECTION_STRING"

func init() {
	lease.Register("azblob", func(_ context.Context, u *url.URL) (lease.Manager, error) {
		return open(u, os.Getenv(connectionVariable))
	})
}

// accountName is what an account may be called: nothing that would make the URL that of another host.
// https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name
var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

func open(u *url.URL, connection string) (lease.Manager, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: store URL %q: %s: use azblob://account/container or azblob://account/container/folder",
			lease.ErrMisconfigured, u.Redacted(), why)
	}
	containerName, folder, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	switch {
	case u.Opaque != "" || u.User != nil || u.Fragment != "":
		return nil, refuse("it has more than an account, a container and a folder")
	case u.Host != "" && !accountName.MatchString(u.Host):
		return nil, refuse(fmt.Sprintf("%q is not the name of a storage account", u.Host))
	case containerName == "":
		return nil, refuse("it names no container")
	}
	opts, err := options(u, folder)
	if err != nil {
		return nil, err
	}
	client, err := connect(u.Host, containerName, connection)
	if err != nil {
		return nil, refuse(err.Error())
	}
	m := New(client, opts...)
	if problem := m.(*manager).problem; problem != nil {
		return nil, refuse(problem.Error())
	}
	return m, nil
}

func options(u *url.URL, folder string) (opts []Option, err error) {
	query, err := storeurl.Query(u, "create")
	if err != nil {
		return nil, err
	}
	if folder != "" {
		opts = append(opts, WithPrefix(strings.TrimSuffix(folder, "/")+"/"))
	}
	if create := query.Get("create"); create != "" {
		yes, err := strconv.ParseBool(create)
		if err != nil {
			return nil, fmt.Errorf("%w: store URL %q: create is true or false, not %q", lease.ErrMisconfigured, u.Redacted(), create)
		}
		if yes {
			opts = append(opts, WithCreateContainer())
		}
	}
	return opts, nil
}

// connect makes the client of a container. Its errors must not repeat the connection string, which is a secret.
func connect(account, containerName, connection string) (*container.Client, error) {
	if connection == "" {
		if account == "" {
			return nil, errors.New("it names no account, and " + connectionVariable + " is not set")
		}
		credential, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, err
		}
		return container.NewClient("https://"+account+".blob.core.windows.net/"+url.PathEscape(containerName), credential, nil)
	}
	client, err := container.NewClientFromConnectionString(connection, url.PathEscape(containerName), nil)
	if err != nil {
		return nil, errors.New(connectionVariable + " is not a connection string with an account key or a SAS, as the portal shows it")
	}
	if there := accountOf(connection, client); account != "" && account != there {
		return nil, fmt.Errorf("%s is for the account %q: unset it, or name that account or none", connectionVariable, there)
	}
	return client, nil
}

// accountOf is the account that a connection string names, or else that its endpoint's host does.
func accountOf(connection string, client *container.Client) string {
	for field := range strings.SplitSeq(connection, ";") {
		if name, ok := strings.CutPrefix(field, "AccountName="); ok {
			return name
		}
	}
	u, err := url.Parse(client.URL())
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(u.Hostname(), ".")
	return name
}
