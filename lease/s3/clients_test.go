package s3

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// What a wrapped client gives has no HTTP answer behind it: codes count by themselves.
func TestBareErrors(t *testing.T) {
	t.Parallel()
	s := NewStore(bare{&types.NoSuchKey{}}, "bucket")
	found, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Zero(t, found)
	_, err = s.Swap(t.Context(), "a", `"1"`, []byte("x"))
	wantError(t, err, lease.ErrConflict, "")
}

// An operation around the client's, or of another client of the bucket, is no source of credentials: what it says is the bucket's answer.
func TestOtherClients(t *testing.T) {
	t.Parallel()
	failed := &smithy.GenericAPIError{Code: "PreconditionFailed", Message: "made up"}
	for _, err := range []error{
		&smithy.OperationError{ServiceID: "another", Err: failed},
		&smithy.OperationError{ServiceID: "cache", Err: &smithy.OperationError{ServiceID: "S3", Err: failed}},
	} {
		_, err := NewStore(bare{err}, "bucket").Swap(t.Context(), "a", `"1"`, []byte("x"))
		wantError(t, err, lease.ErrConflict, "")
	}
	supplied := &smithy.OperationError{ServiceID: "S3", Err: &smithy.OperationError{ServiceID: "another", Err: failed}}
	_, err := NewStore(bare{supplied}, "bucket").Swap(t.Context(), "a", `"1"`, []byte("x"))
	wantError(t, err, nil, "the AWS credentials cannot be fetched at the moment")
}

// A client that a test made, of a map, may have ETags of any kind, and no HTTP.
func TestMadeUpClient(t *testing.T) {
	t.Parallel()
	m := New(&madeUp{bare: bare{&types.NoSuchKey{}}}, "bucket")
	held, err := m.Acquire(t.Context(), request("a", "one", time.Minute))
	require.NoError(t, err)
	_, err = m.Acquire(t.Context(), request("a", "two", time.Minute))
	require.ErrorIs(t, err, lease.ErrHeld)
	held, err = m.Renew(t.Context(), held)
	require.NoError(t, err)
	require.NoError(t, m.Release(t.Context(), held))
}

type madeUp struct {
	bare
	content []byte
	version int
}

func (m *madeUp) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if m.version == 0 {
		return nil, m.err
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(m.content)), ETag: aws.String(strconv.Itoa(m.version))}, nil
}

func (m *madeUp) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (out *s3.PutObjectOutput, err error) {
	m.version++
	m.content, err = io.ReadAll(in.Body)
	return &s3.PutObjectOutput{ETag: aws.String(strconv.Itoa(m.version))}, err
}

type bare struct{ err error }

func (b bare) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return nil, b.err
}

func (b bare) PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return nil, b.err
}

func (b bare) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return nil, b.err
}
