// Package urltest has store URLs with a secret in every possible place, to test code that shows URLs.
package urltest

import (
	"strings"
)

const (
	secret = "q7SECRETq7"
	number = "7364821" // for places in a URL that take only digits
)

// Shows reports whether a text has the secret, in upper or lower case.
func Shows(text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(secret)) || strings.Contains(text, number)
}

// Places has a valid URL for each scheme.
var Places = map[string]string{
	"azblob":   "azblob://account1/container",
	"dynamodb": "dynamodb://leases",
	"file":     "file:///nonexistent/leases",
	"gs":       "gs://bucket",
	"mem":      "mem:",
	"nosuch":   "nosuch://place",
	"s3":       "s3://bucket",
}

// inPlace has the keys whose values are a part of the place, as a path is: a folder, the keys of a table.
var inPlace = map[string]bool{"prefix": true, "partition_key": true, "sort_key": true, "sort_value": true}

// URLs returns the URLs of a scheme that have the secret: as a user, a password (also mistyped), a port, an opaque
// part, a fragment, a key, or the value of a known or an unknown key.
func URLs(scheme string, keys []string) []string {
	place := Places[scheme]
	all := []string{
		scheme + "://user:SECRET@place/folder", scheme + "://SECRET@place/folder", scheme + "://SECRET:@place",
		scheme + "://user:%SECRET@place", scheme + "://user:12/SECRET@place", scheme + "://user:?SECRET@place",
		scheme + "://user:#SECRET@place", scheme + "://SECRET/SECRET@place", scheme + "://user:a@b/SECRET@place",
		scheme + "://user:SECRET", scheme + "://user:NUMBER", scheme + "://user:NUMBER@place", scheme + "://[::1]:SECRET",
		scheme + ":user:SECRET@place", scheme + ":/user:SECRET@place", scheme + ":///user:SECRET@place",
		scheme + "://user%3ASECRET%40place", scheme + ":///user%3ASECRET%40place",
		scheme + "://AccountName=x;AccountKey=SECRET;EndpointSuffix=core.windows.net/container",
		place + "#SECRET", place + "?SECRET", place + "?SECRET=", place + "?SECRET==", place + "?SECRET%2Fx=1", place + "?%53=SECRET",
		place + "?nosuchkey=SECRET", place + "?nosuchkey=1;SECRET", place + "?nosuchkey=%SECRET", place + "?nosuchkey=a@SECRET",
		place + "?sv=2024-11-04&ss=b&sp=rw&sig=SECRET%3D", place + "?X-Amz-Credential=SECRET&X-Amz-Signature=SECRET",
		place + "?age=SECRET&nosuchkey=1", place + "?nosuchkey=1&region=SECRET",
	}
	if scheme != "file" { // its opaque part is a directory
		all = append(all, scheme+":SECRET", scheme+":///AKIAX:SECRET", scheme+":///AccountKey=SECRET", place+"/container&sv=2024-11-04&sig=SECRET",
			place+"/container%3Fsv=2024-11-04&sig=SECRET", place+"/container;SharedAccessSignature=sv%3D1%26sig%3DSECRET", place+"&sv=2024-11-04&sig=SECRET",
			scheme+":///DefaultEndpointsProtocol=https;AccountName=x;AccountKey=SECRET==;EndpointSuffix=core.windows.net")
	}
	for _, value := range []string{
		"SECRET", "https%3A%2F%2Fuser%3ASECRET%40host", "https://user:SECRET@host", "https%3A%2F%2FSECRET%40host", "https%3A%2F%2Fhost%3Fsig%3DSECRET",
		"https%3A%2F%2Fhost%23SECRET", "https%3A%2F%2Fuser%3ANUMBER", "%SECRET", "https%3A%2F%2Fuser%3A12%2FSECRET%40host", "a&SECRET",
	} {
		for _, key := range append([]string{"endpoint"}, keys...) {
			if !inPlace[key] {
				all = append(all, place+"?"+key+"="+value)
			}
		}
	}
	return filled(all)
}

// Pasted has URLs and other texts that people have at hand, but that are no store URLs.
var Pasted = filled([]string{
	"SECRET", "SECRET/SECRET", "?sv=2024-11-04&sig=SECRET", "//user:SECRET@place", "user:SECRET@place", "://user:SECRET@place",
	"https://account1.blob.core.windows.net/container?sv=2024-11-04&sp=rw&sig=SECRET",
	"https://account1.blob.core.windows.net/container&sv=2024-11-04&sp=rw&sig=SECRET",
	"https://account1.blob.core.windows.net/container%3Fsv=2024-11-04&sp=rw&sig=SECRET",
	"https://bucket.s3.eu-west-1.amazonaws.com/key?X-Amz-Credential=SECRET&X-Amz-Security-Token=SECRET&X-Amz-Signature=SECRET",
	"https://storage.googleapis.com/bucket/key?X-Goog-Credential=SECRET&X-Goog-Signature=SECRET",
	"s3://bucket.s3.eu-west-1.amazonaws.com/key?X-Amz-Security-Token=SECRET",
	"azblob://account1.blob.core.windows.net/container?sv=2024-11-04&sig=SECRET",
	"gs://storage.googleapis.com/bucket/key?X-Goog-Signature=SECRET",
	"https://hooks.example.com?token=SECRET", "postgres://user:SECRET@host/db", "redis://:SECRET@host",
	"DefaultEndpointsProtocol=https;AccountName=x;AccountKey=SECRET==;EndpointSuffix=core.windows.net",
	"BlobEndpoint=https://account1.blob.core.windows.net;SharedAccessSignature=sv=1&sig=SECRET",
})

func filled(urls []string) []string {
	var all []string
	for _, url := range urls {
		all = append(all, strings.NewReplacer("SECRET", secret, "NUMBER", number).Replace(url))
	}
	return all
}
