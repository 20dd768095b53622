//go:build unix

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smoke makes a table, two buckets and a container, by plain requests to where the environment says.
func smoke(t *testing.T, env map[string]string) {
	t.Helper()
	auth := func(service string) string {
		return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20250101/%s/%s/aws4_request, SignedHeaders=host, Signature=0",
			env["AWS_ACCESS_KEY_ID"], env["AWS_REGION"], service)
	}
	aws := env["AWS_ENDPOINT_URL"]
	table := `{"TableName":"smoke","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],` +
		`"AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}`
	dynamoDB := func(operation, body string) (int, string) {
		return request(t, "POST", aws, body, "Authorization", auth("dynamodb"), "X-Amz-Target", "DynamoDB_20120810."+operation,
			"Content-Type", "application/x-amz-json-1.0")
	}
	status, answer := dynamoDB("CreateTable", table)
	assert.Equal(t, 200, status, answer)
	status, answer = dynamoDB("ListTables", "{}")
	assert.Equal(t, 200, status)
	assert.Contains(t, answer, `"smoke"`)

	status, answer = request(t, "PUT", aws+"/smoke", "", "Authorization", auth("s3"))
	assert.Equal(t, 200, status, answer)
	_, answer = request(t, "GET", aws, "", "Authorization", auth("s3"))
	assert.Contains(t, answer, "<Name>smoke</Name>")

	gcs := "http://" + env["STORAGE_EMULATOR_HOST"] + "/storage/v1/b?project=test"
	status, answer = request(t, "POST", gcs, `{"name":"smoke"}`, "Content-Type", "application/json")
	assert.Equal(t, 200, status, answer)
	_, answer = request(t, "GET", gcs, "")
	assert.Contains(t, answer, `"smoke"`)

	container := func(method, query string) (int, string) {
		url, headers := azure(t, env["AZURE_STORAGE_CONNECTION_STRING"], method, query)
		return request(t, method, url, "", headers...)
	}
	status, answer = container("PUT", "restype:container")
	assert.Equal(t, 201, status, answer)
	status, answer = container("GET", "comp:list restype:container")
	assert.Equal(t, 200, status, answer)
}

// azure signs a request for the container smoke:
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func azure(t *testing.T, connection, method, query string) (url string, headers []string) {
	t.Helper()
	setting := map[string]string{}
	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		setting[name] = value
	}
	account, date := setting["AccountName"], time.Now().UTC().Format(http.TimeFormat)
	key, err := base64.StdEncoding.DecodeString(setting["AccountKey"])
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s%sx-ms-date:%s\nx-ms-version:2025-01-05\n/%s/%s/smoke\n%s", method, strings.Repeat("\n", 12), date,
		account, account, strings.ReplaceAll(query, " ", "\n"))
	return setting["BlobEndpoint"] + "/smoke?" + strings.NewReplacer(":", "=", " ", "&").Replace(query), []string{
		"x-ms-date", date, "x-ms-version", "2025-01-05",
		"Authorization", "SharedKey " + account + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}

// client has connections of these tests alone: the end of another test's server closes those of http.DefaultTransport.
var client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

func request(t *testing.T, method, url, body string, headers ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	response, err := client.Do(req)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

// occupied returns a port on which somebody listens.
func occupied(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}
