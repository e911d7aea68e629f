package redrive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// callTimeout bounds one call to AWS, with its retries.
	callTimeout = 20 * time.Second
	// maxObjectBytes is more than twice the 6 MB that a function's event may have.
	maxObjectBytes = 16 << 20
)

// S3 is a bucket.
type S3 struct {
	client *s3.Client
	bucket string
}

var _ Objects = (*S3)(nil)

// NewS3 makes the bucket. A local stack has its buckets in the path of its one address.
func NewS3(cfg aws.Config, bucket string, local bool) *S3 {
	return &S3{bucket: bucket, client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = local
		o.DisableLogOutputChecksumValidationSkipped = true // not all of those who wrote the objects made checksums
	})}
}

// List gives a page. See [Objects].
func (b *S3) List(ctx context.Context, after string) ([]Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	input := s3.ListObjectsV2Input{Bucket: &b.bucket}
	if after != "" {
		input.StartAfter = &after
	}
	out, err := b.client.ListObjectsV2(ctx, &input)
	if err != nil {
		return nil, fmt.Errorf("list the failure bucket %s (may you call s3:ListBucket on it?): %w", b.bucket, err)
	}
	objects := make([]Object, len(out.Contents))
	for i, o := range out.Contents {
		objects[i] = Object{Key: aws.ToString(o.Key), At: aws.ToTime(o.LastModified).UTC()}
	}
	return objects, nil
}

// Read gives an object's bytes. See [Objects].
func (b *S3) Read(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: &key})
	if _, gone := errors.AsType[*types.NoSuchKey](err); gone {
		return nil, ErrGone
	}
	var body []byte
	if err == nil {
		defer func() { _ = out.Body.Close() }() // it was read only
		body, err = io.ReadAll(io.LimitReader(out.Body, maxObjectBytes+1))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read an object of the failure bucket %s (may you call s3:GetObject on it?): %w", b.bucket, err)
	case len(body) > maxObjectBytes:
		return nil, ErrTooLarge
	}
	return body, nil
}

// Delete deletes an object. See [Objects].
func (b *S3) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: &key}); err != nil {
		return fmt.Errorf("delete an object of the failure bucket %s (may you call s3:DeleteObject on it?): %w", b.bucket, err)
	}
	return nil
}
