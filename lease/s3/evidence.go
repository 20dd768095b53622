package s3

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithymiddleware "github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlease/leader/lease"
)

// What stands between a program and S3 (a filter, a captive portal, a proxy) may answer in its place. So an answer counts
// only with evidence that it is S3's:
//
//   - any answer: status 200; from Amazon's own endpoint also a request ID, which it gives with every answer
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/get-request-ids.html). Not all servers that speak S3's
//     protocol do: Cloudflare R2 does not.
//   - a write: a hash of what was written, or else a read that finds it; see written.
//   - a read: an ETag, and all of an object that this package wrote.
//   - an error: a code in S3's XML. What a 404 page says of an object is nothing.
//   - a list: the bucket's name.

// answered returns an error unless the answer may be S3's. What the client did not note, as a wrapped client may not,
// is taken on trust.
func (s *Store) answered(noted smithymiddleware.Metadata) error {
	if raw, ok := middleware.GetRawResponse(noted).(*smithyhttp.Response); ok && raw.StatusCode != http.StatusOK {
		return notS3s("its status is %d", raw.StatusCode)
	}
	if id, _ := middleware.GetRequestIDMetadata(noted); s.amazon && id == "" {
		return notS3s("it has no request ID")
	}
	return nil
}

// overHTTP tells an answer that came over HTTP from one that a client made up, for a test perhaps.
func overHTTP(noted smithymiddleware.Metadata) bool { return middleware.GetRawResponse(noted) != nil }

// notS3s is the error of an answer without evidence. It is no ErrMisconfigured: what answers in S3's place may soon be gone.
func notS3s(why string, args ...any) error {
	return fmt.Errorf("the answer is not S3's own, as %s: look for a proxy, a filter or a captive portal on the way, or correct the endpoint",
		fmt.Sprintf(why, args...))
}

// written returns the version of what was written, if S3 has it. The answer shows it by a hash of the content, which has
// a nonce that is in this one request only. The ETag is one, unless the object is encrypted with a key of KMS or of the
// client (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), and the checksum that S3 adds to what comes
// without one is another (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html). Where neither is there, on
// some servers that speak S3's protocol, the object is read.
func (s *Store) written(ctx context.Context, key string, content []byte, out *s3.PutObjectOutput) (lease.Version, error) {
	if err := s.answered(out.ResultMetadata); err != nil {
		return "", err
	}
	version := versionOf(out.ETag)
	if version != "" && (isMD5(version, content) || aws.ToString(out.ChecksumCRC64NVME) == crc64NVME(content)) {
		return version, nil
	}
	found, err := s.read(ctx, key)
	switch {
	case err != nil:
		return "", fmt.Errorf("read what was written, as the answer to the write does not show it: %w", err)
	case !bytes.Equal(found.content, content):
		return "", notS3s("neither it nor a read shows what was written")
	}
	return found.version, nil
}

// versionOf is the ETag, in its quotes; empty if there is none. W/ before it is a proxy's, for an answer that it
// compressed (https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1): S3 has no weak ones, and matches none.
func versionOf(etag *string) lease.Version {
	return lease.Version(strings.TrimPrefix(aws.ToString(etag), "W/"))
}

// isMD5 tells whether the ETag is the content's MD5, which some servers write in upper case.
func isMD5(etag lease.Version, content []byte) bool {
	var sum [md5.Size]byte
	fips140.WithoutEnforcement(func() { sum = md5.Sum(content) }) // it keeps nothing secret
	return strings.EqualFold(strings.Trim(string(etag), `"`), hex.EncodeToString(sum[:]))
}

// nvme has the polynomial of CRC-64/NVME, in Go's order of bits
// (https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme).
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

func crc64NVME(content []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(content, nvme)))
}

// codeOf is the code of an error answer; empty if it is not S3's own. For an answer without a code, the SDK makes one
// of the status: that of an answer without a request ID is nobody's.
func (s *Store) codeOf(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || !isOfS3(err) {
		return ""
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok && answer.ServiceRequestID() == "" {
		status := http.StatusText(answer.HTTPStatusCode())
		made := api.ErrorMessage() == status && api.ErrorCode() == strings.ReplaceAll(status, " ", "")
		if s.amazon || made {
			return ""
		}
	}
	return api.ErrorCode()
}

// isOfS3 tells an error of S3's from one of the services that give credentials, which is inside one of a call to S3.
func isOfS3(err error) bool {
	service := s3.ServiceID
	for op, ok := errors.AsType[*smithy.OperationError](err); ok; op, ok = errors.AsType[*smithy.OperationError](op.Err) {
		service = op.ServiceID
	}
	return service == s3.ServiceID
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}
