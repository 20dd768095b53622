package azblob

import "strings"

// A connection is a connection string: its fields, in order.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
type connection []struct{ key, value string }

// emulatorKey is public and the same everywhere: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
const emulatorKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// parseConnection reads a connection string. It expands UseDevelopmentStorage=true, which the Go SDK does not know, to
// Azurite on this machine, at its usual port, or on the host of DevelopmentStorageProxyUri. A SAS may begin with a
// question mark, because the portal shows it that way.
func parseConnection(text string) connection {
	var c connection
	for field := range strings.SplitSeq(text, ";") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		key, value, _ := strings.Cut(field, "=")
		if strings.EqualFold(key, "SharedAccessSignature") {
			value = strings.TrimPrefix(value, "?")
		}
		c = append(c, struct{ key, value string }{key, value})
	}
	if !strings.EqualFold(c.get("UseDevelopmentStorage"), "true") {
		return c
	}
	host := strings.TrimSuffix(c.get("DevelopmentStorageProxyUri"), "/")
	if host == "" {
		host = "http://127.0.0.1"
	}
	endpoint := c.get("BlobEndpoint")
	if endpoint == "" {
		endpoint = host + ":10000/devstoreaccount1"
	}
	return connection{{"AccountName", "devstoreaccount1"}, {"AccountKey", emulatorKey}, {"BlobEndpoint", endpoint}}
}

// get returns a field's value. It ignores the case of the field's name, as Azure's other tools do.
func (c connection) get(key string) string {
	for _, field := range c {
		if strings.EqualFold(field.key, key) {
			return field.value
		}
	}
	return ""
}

// String returns the connection string with the spelling of field names that the Go SDK requires.
func (c connection) String() string {
	var b strings.Builder
	for _, field := range c {
		for _, known := range []string{"DefaultEndpointsProtocol", "EndpointSuffix", "BlobEndpoint", "AccountName", "AccountKey", "SharedAccessSignature"} {
			if strings.EqualFold(field.key, known) {
				b.WriteString(known + "=" + field.value + ";")
			}
		}
	}
	return b.String()
}
