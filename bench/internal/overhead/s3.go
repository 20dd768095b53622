package overhead

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudlease/leader/bench/internal/minimal/places"
	"github.com/cloudlease/leader/lease/s3"
)

func openS3(ctx context.Context) (bare, ours steps, remove func(context.Context) error, err error) {
	p, err := places.S3(ctx)
	if err != nil {
		return bare, ours, nil, err
	}
	if ours, err = oursBy(ctx, s3.New(p.Client, p.Name), s3.New(p.Client, p.Name)); err != nil {
		return bare, ours, p.Remove, err
	}
	bare, err = bareBy(ctx, objects{p.Client, p.Name}, s3.NewStore(p.Client, p.Name))
	return bare, ours, p.Remove, err
}

// firstLine is the length of what lease/s3 writes before the record: {"leaseObject":1,"nonce":"26 letters"} and a line break.
const firstLine = 55

// objects are cells in a bucket, written as lease/s3 writes them: without the SDK's own checksums.
type objects struct {
	client *sdk.Client
	bucket string
}

func plainly(o *sdk.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

func (c objects) read(ctx context.Context, key string) (version string, err error) {
	out, err := c.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: &c.bucket, Key: &key}, plainly)
	if err != nil {
		return "", err
	}
	_, err = io.ReadAll(out.Body)
	return aws.ToString(out.ETag), errors.Join(err, out.Body.Close())
}

func (c objects) write(ctx context.Context, key, old string, data []byte) (version string, err error) {
	in := &sdk.PutObjectInput{
		Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(append(make([]byte, firstLine, firstLine+len(data)), data...)), ContentType: aws.String("text/plain; charset=utf-8"),
	}
	if old == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &old
	}
	out, err := c.client.PutObject(ctx, in, plainly)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}
