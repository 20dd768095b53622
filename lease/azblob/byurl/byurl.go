// Package byurl lets lease.Open open azblob:// URLs: see package azblob. Import it for that alone:
//
//	import _ "github.com/cloudlease/leader/lease/azblob/byurl"
//
// The credential is azidentity.DefaultAzureCredential: environment variables, workload identity, managed identity, az
// login. It is a package by itself because azidentity and what it needs make a program larger. A program with another
// credential, or with connection strings alone, registers [azblob.Opener] instead.
package byurl

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
)

func init() { lease.Register("azblob", azblob.Opener(credential)) }

func credential(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
}
