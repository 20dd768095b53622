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

	"github.com/cloudlease/leader/internal/awsopen"
	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/lease"
)

// Something between a program and S3 (a filter, a captive portal, a proxy) may answer in S3's place. So an answer
// counts only with evidence that it comes from S3:
//
//   - any answer: status 200; from Amazon's own endpoint also a request ID, which is in every answer of Amazon's
//     (https://docs.aws.amazon.com/AmazonS3/latest/userguide/get-request-ids.html). Not all servers that speak S3's
//     protocol send one: Cloudflare R2 does not.
//   - a write: a hash of what was written, or else a read that finds it; see written.
//   - a read: an ETag, and the whole of an object that this package wrote.
//   - an error: a code in S3's XML. The page of a 404 alone proves nothing about an object.
//   - a list: the bucket's name.

// answered returns an error unless the answer may come from S3. It does not check what the client has not noted: a
// wrapped client may note nothing.
func (s *Store) answered(noted smithymiddleware.Metadata) error {
	if raw, ok := middleware.GetRawResponse(noted).(*smithyhttp.Response); ok && raw.StatusCode != http.StatusOK {
		return notS3s("its status is %d", raw.StatusCode)
	}
	if id, _ := middleware.GetRequestIDMetadata(noted); s.amazon && id == "" {
		return notS3s("it has no request ID")
	}
	return nil
}

// overHTTP reports whether the answer came over HTTP; a client in a test may make answers up.
func overHTTP(noted smithymiddleware.Metadata) bool { return middleware.GetRawResponse(noted) != nil }

// errNoAnswer is the error for a client that returns neither an answer nor an error.
var errNoAnswer = notS3s("it is none")

func notS3s(why string, args ...any) error {
	return &foreign.Error{Service: "S3", Why: fmt.Sprintf(why, args...)}
}

// written returns the version of what was written, if S3 has it. A hash of the content in the answer proves that,
// because the content has a nonce that only this request had. The ETag is such a hash, unless the object is encrypted
// with a key of KMS or of the client (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html). The checksum
// that S3 adds to a write without one is another (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
// Some servers that speak S3's protocol return neither; then written reads the object.
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

// versionOf returns the ETag in its quotes; empty if there is none. It drops a W/ before the ETag, which a proxy adds
// when it compresses an answer (https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1): S3 has no weak ETags, and
// matches none.
func versionOf(etag *string) lease.Version {
	return lease.Version(strings.TrimPrefix(aws.ToString(etag), "W/"))
}

// isMD5 reports whether the ETag is the content's MD5. Some servers write it in upper case.
func isMD5(etag lease.Version, content []byte) bool {
	var sum [md5.Size]byte
	fips140.WithoutEnforcement(func() { sum = md5.Sum(content) }) // the hash protects no secret
	return strings.EqualFold(strings.Trim(string(etag), `"`), hex.EncodeToString(sum[:]))
}

// nvme has the polynomial of CRC-64/NVME, in Go's order of bits
// (https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme).
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

func crc64NVME(content []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(content, nvme)))
}

// codeOf returns the code of an error answer; empty if the answer is not S3's own. The SDK makes up a code from the
// status of an answer without a code: without a request ID, that made-up code does not count.
func (s *Store) codeOf(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || !awsopen.Own(err) {
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

func statusOf(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return resp.HTTPStatusCode()
	}
	return 0
}
