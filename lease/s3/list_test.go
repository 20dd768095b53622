package s3

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/internal/wire"
)

// A foreign key may hold what XML cannot, and a list goes on past it.
func TestListWithForeignKeys(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	s := NewStore(client, bucket, WithPrefix("my leases+/"))
	foreign := []string{"\x01", "a\x02b", "a b", "a+b", "%zz", "a%", "é", "\uFFFE", "<&>", "a\nb"}
	for _, key := range foreign {
		put(t, client, bucket, "my leases+/"+key, "not ours")
	}
	for _, name := range []string{"a b", "a+b", "a\u00e9", "z/z"} {
		_, err := s.Swap(t.Context(), name, "", []byte(name))
		require.NoError(t, err)
	}
	var names []string
	for c, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		require.NoError(t, c.Err)
		assert.Equal(t, c.Name, string(c.Snapshot.Data))
		names = append(names, c.Name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"a b", "a+b", "a\u00e9", "z/z"}, names)
	for _, key := range foreign { // which the SDK alone cannot list, to remove them
		remove(t, client, bucket, "my leases+/"+key)
	}
}

// A list whose context ends does, with that error, however many cells it has not come to.
func TestListEndsWithTheContext(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	s := NewStore(client, bucket)
	for i := range 5 {
		_, err := s.Swap(t.Context(), strconv.Itoa(i), "", []byte("x"))
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for c, err := range s.List(ctx, "") {
		require.NoError(t, c.Err)
		errs = append(errs, err)
		cancel()
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], context.Canceled)
}

// A context that ends as an answer arrives ends the list, too, and not with a cell that is none.
func TestListEndsWithTheContext_AfterAnAnswer(t *testing.T) {
	t.Parallel()
	client, bucket := newClient(t), newBucket(t)
	_, err := NewStore(client, bucket).Swap(t.Context(), "orders", "", []byte("x"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for c, err := range NewStore(endsAfter{client, cancel}, bucket).List(ctx, "") {
		require.ErrorIs(t, err, context.Canceled, c)
	}
}

// endsAfter ends a context when the whole answer to a read is there.
type endsAfter struct {
	*s3.Client
	end func()
}

func (e endsAfter) GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	out, err := e.Client.GetObject(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(out.Body)
	out.Body = io.NopCloser(bytes.NewReader(data))
	e.end()
	return out, err
}

// An access point's list names the bucket behind it.
func TestListOfAnAlias(t *testing.T) {
	t.Parallel()
	answer := wire.Reply(200, nil, `<ListBucketResult><Name>behind</Name><IsTruncated>false</IsTruncated></ListBucketResult>`)
	for _, bucket := range []string{"behind", "ap-metadata1234-s3alias", "lambda-1234--ol-s3"} {
		for _, err := range NewStore(newAnswers(t, answer, func(o *s3.Options) { o.UsePathStyle = true }), bucket).List(t.Context(), "") {
			require.NoError(t, err)
		}
	}
	nothing := NewStore(newAnswers(t, wire.Reply(200, nil, "{}")), "ap-metadata1234-s3alias")
	require.Error(t, calls(t, nothing)["list"](), "it is no list")
}
