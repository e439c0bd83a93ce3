package cloudtrail

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
)

// openS3 opens a bucket with a connector's own key; whatever the machine could do on its own is not used.
func openS3(v connect.Values, env connect.Env) (*blob.Bucket, error) {
	if v["accessKey"] == "" || v["secretKey"] == "" {
		return nil, fault.Newf(fault.Invalid, "an S3 bucket is read with an access key: give its ID and its secret").On("config.accessKey")
	}
	if strings.Contains(v["bucket"], "/") {
		return nil, fault.Newf(fault.Invalid, "Bucket: its name only, such as acme-trail; folders in it are the prefix").On("config.bucket")
	}
	o := s3.Options{
		Region: v["region"], Credentials: credentials.NewStaticCredentialsProvider(v["accessKey"], v["secretKey"], v["sessionToken"]), HTTPClient: env.HTTP,
		Retryer: retry.AddWithMaxAttempts(retry.NewStandard(), 3), RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if v["endpoint"] != "" {
		base, err := connect.BaseURL(v["endpoint"], "endpoint")
		if err != nil {
			return nil, err
		}
		o.BaseEndpoint, o.UsePathStyle = aws.String(base), true
	}
	return s3blob.OpenBucket(context.Background(), s3.New(o), v["bucket"], nil)
}

// openFolder opens a folder that the operator allows.
func openFolder(address string, allowed []string) (b *blob.Bucket, root string, err error) {
	refuse := func(why string) (*blob.Bucket, string, error) {
		return nil, "", fault.Newf(fault.Invalid, "Bucket: %s %s", address, why).On("config.bucket")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "" || u.Path == "" || u.RawQuery != "" {
		return refuse("is no address of a folder such as file:///srv/trail")
	}
	real, err := filepath.EvalSymlinks(filepath.FromSlash(u.Path))
	if err != nil {
		real = filepath.Clean(filepath.FromSlash(u.Path))
	}
	inside := false
	for _, a := range allowed {
		if root, err := filepath.EvalSymlinks(a); err == nil {
			rel, err := filepath.Rel(root, real)
			inside = inside || err == nil && filepath.IsLocal(rel)
		}
	}
	if !inside {
		return refuse("may not be read: the operator lists the folders that may in the setting connect.folders")
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return refuse("is no folder")
	}
	b, err = fileblob.OpenBucket(real, &fileblob.Options{Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return refuse("cannot be opened")
	}
	return b, real, nil
}

// refusal knows S3's error codes.
func refusal(err error) *connect.Error {
	var refused *outbound.RefusedError
	if errors.As(err, &refused) {
		return connect.Failure(fault.Invalid, "%s", refused.Error())
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return nil
	}
	switch api.ErrorCode() {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return connect.Failure(fault.Unauthorized, "the store does not accept the access key: %s (%s); check its ID and secret, and whether it was deleted", api.ErrorMessage(), api.ErrorCode())
	case "RequestTimeTooSkewed":
		return connect.Failure(fault.Unauthorized, "the store refuses since this machine's clock is off; set it right")
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		return connect.Failure(fault.Invalid, "the bucket is in another region: %s", api.ErrorMessage())
	}
	return nil
}

// throttled makes e one that waits, when the store asked for that.
func throttled(now func() time.Time, e *connect.Error, err error) *connect.Error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return e
	}
	switch api.ErrorCode() {
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "503":
	default:
		return e
	}
	e.Code, e.Message = fault.Busy, "the store asks for fewer requests"
	wait := time.Minute
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		header := http.Header(answer.Response.Header)
		if n, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
			wait = min(max(time.Duration(n)*time.Second, time.Second), time.Hour)
		}
	}
	e.After = now().Add(wait)
	return e
}
