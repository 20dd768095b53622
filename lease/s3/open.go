package s3

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/redact"
	"github.com/cloudlease/leader/internal/storeurl"
	"github.com/cloudlease/leader/lease"
)

func init() {
	lease.Register("s3", func(ctx context.Context, u *url.URL) (lease.Manager, error) {
		store, err := open(ctx, u)
		if err != nil {
			return nil, err
		}
		return lease.NewManager(store), nil
	})
}

const form = "s3://bucket/folder?region=eu-west-1"

// open returns the Store that the URL names.
func open(ctx context.Context, u *url.URL) (*Store, error) {
	query, err := storeurl.Query(u, awsopen.Keys("path_style", "prefix", "age", "sse", "sse_kms_key_id", "expected_bucket_owner", "requester_pays")...)
	if err != nil {
		return nil, err
	}
	folder := strings.Trim(u.Path, "/")
	switch {
	case u.Host == "" || u.User != nil || u.Port() != "" || u.Fragment != "":
		return nil, storeurl.Refuse(u, "it names no bucket, or has a user, a port or a fragment", form)
	case redact.IsCloud(u.Hostname()):
		return nil, storeurl.Refuse(u, "it names a host", form)
	case folder != "" && query.Get("prefix") != "":
		return nil, storeurl.Refuse(u, "it has both a folder and a prefix", form)
	case folder != "":
		folder += "/"
	}
	opts, err := optionsOf(u, query)
	if err != nil {
		return nil, err
	}
	pathStyle, _, err := storeurl.Bool(u, query, "path_style")
	if err != nil {
		return nil, err
	}
	client, err := awsopen.Load(ctx, u, query, form)
	if err != nil {
		return nil, err
	}
	api := s3.NewFromConfig(client.Config, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		if client.Endpoint != nil {
			o.BaseEndpoint = client.Endpoint
		}
	})
	store := NewStore(api, u.Host, append(opts, WithPrefix(folder+query.Get("prefix")))...)
	store.close = client.Close
	if wrong := store.wrongOption(); wrong != "" {
		return nil, storeurl.Refuse(u, wrong, form)
	}
	return store, nil
}

// optionsOf returns the options that the query names.
func optionsOf(u *url.URL, query url.Values) (opts []Option, err error) {
	age, err := storeurl.Choice(u, query, "age", WithAge(), WithoutAge())
	if err != nil {
		return nil, err
	}
	opts = append(opts, age...)
	switch pays, _, err := storeurl.Bool(u, query, "requester_pays"); {
	case err != nil:
		return nil, err
	case pays:
		opts = append(opts, WithRequesterPays())
	}
	if owner := query.Get("expected_bucket_owner"); owner != "" {
		opts = append(opts, WithExpectedBucketOwner(owner))
	}
	opts = append(opts, WithServerSideEncryption(types.ServerSideEncryption(query.Get("sse")), query.Get("sse_kms_key_id")))
	return opts, nil
}
