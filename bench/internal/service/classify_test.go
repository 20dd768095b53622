package service

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/cloudlease/leader/internal/wire"
)

func TestHTTPRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		classify          classifier
		method, url       string
		kind              wire.Kind
		name, leaseAction string
	}{
		{s3Request, "GET", "/bucket/a/b?x-id=GetObject", wire.Read, "GetObject", ""},
		{s3Request, "HEAD", "/bucket/a", wire.Read, "HeadObject", ""},
		{s3Request, "PUT", "/bucket/a?x-id=PutObject", wire.Write, "PutObject", ""},
		{s3Request, "DELETE", "/bucket/a", wire.Write, "DeleteObject", ""},
		{s3Request, "GET", "/bucket?list-type=2", wire.Read, "ListObjectsV2", ""},
		{s3Request, "PUT", "/bucket/", wire.Other, "PUT bucket", ""},
		{gcsRequest, "GET", "/bucket/leases/a", wire.Read, "objects.get", ""},
		{gcsRequest, "GET", "/storage/v1/b/bucket/o/a?alt=media", wire.Read, "objects.get", ""},
		{gcsRequest, "GET", "/storage/v1/b/bucket/o?prefix=a", wire.Read, "objects.list", ""},
		{gcsRequest, "POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart", wire.Write, "objects.insert", ""},
		{gcsRequest, "DELETE", "/storage/v1/b/bucket/o/a", wire.Write, "objects.delete", ""},
		{gcsRequest, "POST", "/storage/v1/b?project=p", wire.Other, "POST bucket", ""},
		{azureRequest, "HEAD", "/account/box/a", wire.Read, "Get Blob Properties", ""},
		{azureRequest, "GET", "/account/box/a", wire.Read, "Get Blob", ""},
		{azureRequest, "GET", "/account/box?restype=container&comp=list", wire.Read, "List Blobs", ""},
		{azureRequest, "PUT", "/account/box/a?comp=lease", wire.Write, "Acquire Lease", "acquire"},
		{azureRequest, "PUT", "/account/box/a?comp=lease", wire.Write, " Lease", ""},
		{azureRequest, "PUT", "/account/box/a?comp=metadata", wire.Write, "Set Blob Metadata", ""},
		{azureRequest, "PUT", "/account/box/a", wire.Write, "Put Blob", ""},
		{azureRequest, "PUT", "/account/box?restype=container", wire.Other, "PUT container", ""},
		{kubernetesRequest, "PATCH", "/", wire.Other, "PATCH", ""},
	} {
		r := httptest.NewRequest(tt.method, tt.url, http.NoBody)
		if tt.leaseAction != "" {
			r.Header.Set("X-Ms-Lease-Action", tt.leaseAction)
		}
		kind, name := tt.classify(r)
		assert.Equal(t, tt.kind, kind, "%s %s", tt.method, tt.url)
		assert.Equal(t, tt.name, name, "%s %s", tt.method, tt.url)
	}
}

func TestNamedRequests(t *testing.T) {
	t.Parallel()
	dynamoDB := func(s string) (wire.Kind, string, bool) { k, n := dynamoDBRequest(s); return k, n, true }
	etcd := func(s string) (wire.Kind, string, bool) { k, n := etcdMessage(s); return k, n, true }
	for _, tt := range []struct {
		classify func(string) (wire.Kind, string, bool)
		text     string
		kind     wire.Kind
		name     string
		ok       bool
	}{
		{dynamoDB, "DynamoDB_20120810.GetItem", wire.Read, "GetItem", true},
		{dynamoDB, "DynamoDB_20120810.UpdateItem", wire.Write, "UpdateItem", true},
		{dynamoDB, "DynamoDB_20120810.DescribeTable", wire.Other, "DescribeTable", true},
		{dynamoDB, "", wire.Other, "?", true},
		{etcd, "/etcdserverpb.KV/Range", wire.Read, "Range", true},
		{etcd, "/etcdserverpb.Lease/LeaseKeepAlive", wire.Write, "LeaseKeepAlive", true},
		{etcd, "/etcdserverpb.Cluster/MemberList", wire.Other, "MemberList", true},
		{redisCommand, `+1339518083.107412 [0 127.0.0.1:60866] "SET" "a \"b" "1"`, wire.Write, "set", true},
		{redisCommand, `+1339518083.107412 [0 127.0.0.1:60866] "hello" "3"`, wire.Other, "hello", true},
		{redisCommand, `+1339518083.107412 [0 127.0.0.1:60866] "GET" "a"`, wire.Read, "get", true},
		{redisCommand, `+1339518083.107412 [0 lua] "GET" "a"`, "", "", false},
		{redisCommand, `+OK`, "", "", false},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] LOG:  statement: -- ping", wire.Read, "ping", true},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] LOG:  execute stmtcache_1: select pg_advisory_lock($1)", wire.Write, "pg_advisory_lock", true},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] LOG:  execute <unnamed>: SELECT 1", wire.Read, "select", true},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] LOG:  statement: begin", wire.Other, "begin", true},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] DETAIL:  parameters: $1 = '7'", "", "", false},
		{postgresStatement, "2026-01-02 03:04:05.678 UTC [9] LOG:  database system is ready to accept connections", "", "", false},
	} {
		kind, name, ok := tt.classify(tt.text)
		assert.Equal(t, tt.ok, ok, tt.text)
		assert.Equal(t, tt.kind, kind, tt.text)
		assert.Equal(t, tt.name, name, tt.text)
	}
}
