package emulator

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const azurite = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a;BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;"

// outcome is a testing.TB that notes how a test ended.
type outcome struct {
	testing.TB
	how, why string
}

func (o *outcome) Helper() {}

func (o *outcome) Skipf(format string, args ...any) { o.end("skipped", format, args) }

func (o *outcome) Fatalf(format string, args ...any) { o.end("failed", format, args) }

func (o *outcome) end(how, format string, args []any) {
	o.how, o.why = how, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func needWith(s Service, env map[string]string) outcome {
	o := outcome{how: "runs"}
	done := make(chan struct{})
	go func() { // as in package testing: Skipf and Fatalf end the goroutine
		defer close(done)
		need(&o, s, func(name string) string { return env[name] })
	}()
	<-done
	return o
}

func TestNeed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of   Service
		env  map[string]string
		want string
		why  string
	}{
		"nothing set":                 {of: S3, want: "skipped", why: "make test"},
		"nothing set, how to":         {of: DynamoDB, want: "skipped", why: `eval "$(go run ./localstack env)"`},
		"nothing set, but required":   {of: GCS, env: map[string]string{"LEADER_EMULATORS": "1"}, want: "failed", why: "no gcs here"},
		"not required":                {of: GCS, env: map[string]string{"LEADER_EMULATORS": "0"}, want: "skipped"},
		"all of AWS, S3":              {of: S3, env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, want: "runs"},
		"all of AWS, DynamoDB":        {of: DynamoDB, env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, want: "runs"},
		"S3 alone":                    {of: S3, env: map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, want: "runs"},
		"DynamoDB alone":              {of: DynamoDB, env: map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}, want: "runs"},
		"S3 alone is not DynamoDB":    {of: DynamoDB, env: map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, want: "skipped"},
		"GCS":                         {of: GCS, env: map[string]string{"STORAGE_EMULATOR_HOST": "127.0.0.1:1"}, want: "runs"},
		"Azurite":                     {of: Azure, env: map[string]string{"AZURE_STORAGE_CONNECTION_STRING": azurite}, want: "runs"},
		"Azurite, in short":           {of: Azure, env: map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"}, want: "runs"},
		"a real Azure account":        {of: Azure, env: map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=prod;AccountKey=a"}, want: "skipped"},
		"a real Azure account, asked": {of: Azure, env: map[string]string{"LEADER_TEST_REAL": "s3, azure"}, want: "runs"},
		"another's real account":      {of: GCS, env: map[string]string{"LEADER_TEST_REAL": "s3,azure"}, want: "skipped"},
		"a misspelt real account":     {of: GCS, env: map[string]string{"LEADER_TEST_REAL": "gs"}, want: "failed", why: `names "gs"`},
		"no service":                  {of: "sqs", env: map[string]string{"LEADER_TEST_REAL": "sqs"}, want: "failed", why: `no service "sqs"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := needWith(c.of, c.env)
			assert.Equal(t, c.want, got.how, got.why)
			assert.Contains(t, got.why, c.why)
		})
	}
}

func TestNeedReadsTheEnvironment(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	Need(t, GCS)
	assert.False(t, t.Skipped())
}

// The names that each service accepts:
//   - https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
//   - https://cloud.google.com/storage/docs/buckets#naming
//   - https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
//   - https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
func TestNamesSuitAllServices(t *testing.T) {
	t.Parallel()
	valid := regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)
	for _, test := range []string{"a", "Ünïcode/goog_--google..x", "--", strings.Repeat("x", 300)} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			name := Name(t)
			assert.Regexp(t, valid, name)
			assert.LessOrEqual(t, len(name), 63)
			assert.Contains(t, name, "testnamessuit")
			assert.NotEqual(t, name, Name(t))
		})
	}
}

// A program is led to a proxy by the variable that leads it to the emulator.
func TestAt(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "")
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2")
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:3")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", azurite)
	for service, want := range map[Service]struct{ endpoint, at string }{
		DynamoDB: {"http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:9"},
		S3:       {"http://127.0.0.1:2", "AWS_ENDPOINT_URL_S3=http://127.0.0.1:9"},
		GCS:      {"http://127.0.0.1:3", "STORAGE_EMULATOR_HOST=127.0.0.1:9"},
		Azure:    {"http://127.0.0.1:1", "AZURE_STORAGE_CONNECTION_STRING=" + strings.Replace(azurite, ":1/", ":9/", 1)},
	} {
		assert.Equal(t, want.endpoint, Endpoint(service))
		variable, value := At(service, "http://127.0.0.1:9")
		assert.Equal(t, want.at, variable+"="+value)
	}
	for _, variables := range endpoints {
		for _, variable := range variables {
			t.Setenv(variable, "")
		}
	}
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=prod;AccountKey=a;EndpointSuffix=core.windows.net")
	for _, service := range Services {
		assert.Empty(t, Endpoint(service), "the real %s", service)
	}
}
