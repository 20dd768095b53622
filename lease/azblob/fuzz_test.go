package azblob

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/stretchr/testify/require"

	"github.com/cloudlease/leader/lease"
)

// attributesOf makes attributes of a text: keys and values in turn, between zero bytes.
func attributesOf(text string) (attributes map[string]string) {
	parts := strings.Split(text, "\x00")
	for i := 1; i < len(parts); i += 2 {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes[parts[i-1]] = parts[i]
	}
	return attributes
}

// FuzzRequest: what Validate lets pass is metadata that Azure takes as they are, and is read back exactly, beside other
// people's, whatever becomes of the case of the names on the way.
func FuzzRequest(f *testing.F) {
	f.Add("worker", int64(15*time.Second), "address\x0010.0.0.1:80\x00zone\x00é世", "theirs")
	f.Add("e\u0301\u2028", int64(time.Minute), "", "LEADER_ID")
	f.Add(strings.Repeat("世", 85), int64(20*time.Second), "=\x00&;\x00+\x00%\x00 \x00", "x")
	f.Add(strings.Repeat("<", 255), int64(15*time.Second), "<\x00"+strings.Repeat("ÿ", 511), "leader_")
	f.Add("a", int64(15*time.Second+1), "k\x00v\x00K\x00v\x00k \x00v", "")
	f.Fuzz(func(t *testing.T, holder string, length int64, attributes, theirs string) {
		req := lease.Request{Name: "x", Holder: holder, Length: time.Duration(length), Attributes: attributesOf(attributes)}
		if req.Validate(limits) != nil || strings.HasPrefix(strings.ToLower(theirs), "leader_") {
			return
		}
		want := record{
			token: 1, id: "8b7f1e4c", holder: holder, length: req.Length, acquired: time.Unix(1740873598, 0).UTC(), attributes: req.Attributes, number: uint64(length),
		}
		all := want.encode(metadata{theirs: pointer("kept")})
		delete(all, theirs)
		wantFit(t, all)
		folded := metadata{theirs: pointer("kept")}
		for key, value := range all {
			folded[http.CanonicalHeaderKey(key)] = value
		}
		got, others, err := decode(folded)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, metadata{theirs: pointer("kept")}, others)
		l := got.lease("x", stored{})
		require.Equal(t, req, lease.Request{Name: l.Name, Holder: l.Holder, Length: l.Length, Attributes: l.Attributes})
	})
}

// metadataOf makes metadata of a text: names and values in turn, between zero bytes; of two names that differ in case
// alone, of which Azure has only one, the latter.
func metadataOf(text string) metadata {
	all := metadata{}
	parts := strings.Split(text, "\x00")
	for i := 1; i < len(parts); i += 2 {
		for key := range all {
			if strings.EqualFold(key, parts[i-1]) {
				delete(all, key)
			}
		}
		all[parts[i-1]] = &parts[i]
	}
	return all
}

func isOurs(key string) bool {
	switch strings.ToLower(key) {
	case keyFormat, keyToken, keyID, keyHolder, keyLength, keyAcquired, keyRenewEvery, keyAttributes, keyNumber:
		return true
	}
	return false
}

const taken = "leader_format\x001\x00Leader_token\x007\x00leader_id\x00id\x00leader_holder\x00w\x00leader_length\x0015s"

// FuzzSight: whatever metadata a blob has, and in whatever state it is, it is a lease that is read and would be written
// back as it is; or never taken, if somebody made it for that; or somebody else's that is held by them; or an ErrRecord.
// Only the former two can ever be had. Nobody's other metadata are lost.
func FuzzSight(f *testing.F) {
	for _, all := range []string{
		"", "leader_format\x001", "LEADER_FORMAT\x001\x00theirs\x00kept", "leader_format\x002\x00leader_token\x007", taken,
		taken + "\x00leader_attributes\x00a=b&c=d\x00leader_acquired\x002025-03-01T23:59:58Z\x00theirs\x00",
		strings.Replace(taken, "7", "18446744073709551615", 1), strings.Replace(taken, "15s", "-15s", 1), strings.Replace(taken, "\x00w", "\x00%0A", 1),
		strings.Replace(taken, "1", "2", 1), strings.Replace(taken, "1", "3", 1), taken + "\x00leader_value_number\x003", taken + "\x00leader_value_number\x00x",
		taken + "\x00leader_attributes\x00a=b&a=c", taken + "\x00leader_attributes\x00%ff=%", "leader_token\x007", "hdi_isfolder\x00true",
		"leader_format\x00+1\x00leader_later\x00x",
	} {
		for _, state := range []string{"available", "leased", "expired", "breaking", "broken", ""} {
			f.Add(all, state, `"0x8D"`)
		}
	}
	f.Add(taken, "available", "")
	f.Fuzz(func(t *testing.T, text, state, tag string) {
		m := &manager{}
		all, etag, leaseState := metadataOf(text), azcore.ETag(tag), bloblease.StateType(state)
		seen, err := m.read("a", all, &etag, &leaseState)
		if tag == "" {
			require.Error(t, err)
			return
		}
		ours := 0
		for key := range all {
			if isOurs(key) {
				ours++
			}
		}
		if err != nil {
			require.ErrorIs(t, err, lease.ErrRecord)
			require.Zero(t, seen)
			return
		}
		switch info := m.info("a", seen); {
		case seen.token > 0:
			require.NoError(t, lease.CheckName(info.Holder))
			require.NotEmpty(t, info.ID)
			require.Positive(t, info.Length)
			require.Positive(t, info.Token+1)
			if seen.valued {
				seen.value = "x" // as look reads it
			}
			back, _, err := decode(seen.encode(seen.others))
			require.NoError(t, err)
			back.acquired, back.value = seen.acquired, seen.value // what is no time, or no second of UTC, is for people only
			require.Equal(t, seen.record, back)
		case ours == 0:
			require.Equal(t, lease.Held, seen.state, "somebody else's blob is not to be had")
		default:
			require.Equal(t, lease.Info{Name: "a", State: stateOf(leaseState), Timed: seen.state == lease.Held, Broken: seen.broken}, info)
			require.Contains(t, seen.encode(nil), keyFormat)
		}
		if state != "available" && state != "broken" && state != "expired" {
			require.Equal(t, lease.Held, seen.state, "what is not known is not free")
		}
		if ours > 0 {
			written := seen.encode(seen.others)
			for key, value := range all {
				if !isOurs(key) {
					require.Same(t, value, written[key], "%q is lost", key)
				}
			}
		}
	})
}

// told is a service that answers the first request for a list as a test says, and each other with the end of the list.
// It is below the real SDK: none can be made to say such things.
type told struct {
	answer []byte
	always bool // not only the first
}

func (s *told) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := s.answer
	if !s.always {
		s.answer = []byte(list(""))
	}
	header := http.Header{"Content-Type": {"application/xml"}, headerRequestID: {"f9a0"}, headerVersion: {"2025-05-05"}}
	header.Set(headerClientRequestID, r.Header.Get(headerClientRequestID))
	return &http.Response{
		StatusCode: http.StatusOK, Header: header,
		Body: io.NopCloser(bytes.NewReader(answer)), Request: r,
	}, nil
}

func list(blobs string) string {
	return xml.Header + `<EnumerationResults ContainerName="c"><Blobs>` + blobs + "</Blobs><NextMarker/></EnumerationResults>"
}

func toldManager(t testing.TB, answer []byte) lease.Manager {
	t.Helper()
	return managerOf(t, &told{answer: answer})
}

func managerOf(t testing.TB, service http.RoundTripper) lease.Manager {
	t.Helper()
	client, err := container.NewClientWithNoCredential("http://127.0.0.1:1/account/c", &container.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: service}},
	})
	require.NoError(t, err)
	return New(client)
}

// FuzzListed: whatever a list is answered, it ends, with what it shows or an error; and each blob that it shows has the
// name of a lease, which begins as was asked, and is a lease or says why not.
func FuzzListed(f *testing.F) {
	properties := `<Properties><Etag>0x8D</Etag><LeaseState>available</LeaseState></Properties>`
	for _, answer := range []string{
		"", "<", "{}", xml.Header, list(""), list("<Blob/>"), list("<Blob><Name>a</Name></Blob>"), list("<Blob><Name/>" + properties + "</Blob>"),
		list("<Blob><Name>a</Name>" + properties + "</Blob>"), list("<Blob><Name>a</Name>" + properties + "<Metadata/></Blob>"),
		list("<Blob><Name>a</Name>" + properties + "<Metadata><leader_format>1</leader_format></Metadata></Blob>"),
		list("<Blob><Name>a</Name>" + properties + "<Metadata><leader_format/></Metadata></Blob>"),
		list("<Blob><Name>a</Name>" + properties + "<Metadata><Encrypted>true</Encrypted><leader_format>1<!-- --></leader_format></Metadata></Blob>"),
		list(`<Blob><Name Encoded="true">a%2525</Name>` + properties + "</Blob>"), list("<Blob><Name>%61</Name>" + properties + "</Blob>"),
		list("<Blob>" + properties + "</Blob>"), list("<BlobPrefix><Name>a</Name></BlobPrefix>"),
		xml.Header + "<EnumerationResults/>", xml.Header + "<EnumerationResults><NextMarker/></EnumerationResults>",
	} {
		f.Add([]byte(answer), "")
	}
	f.Fuzz(func(t *testing.T, answer []byte, prefix string) {
		for info, err := range lease.List(t.Context(), toldManager(t, answer), prefix) {
			if err != nil {
				require.ErrorContains(t, err, "azblob://account/c?endpoint=http://127.0.0.1:1/account: list leases")
				return
			}
			require.NoError(t, lease.CheckName(info.Name))
			if info.Err != nil {
				require.Equal(t, lease.Info{Name: info.Name, Err: info.Err}, info)
			} else if info.Token > 0 {
				require.NotEmpty(t, info.ID)
			}
		}
	})
}

// What FuzzListed found: an answer that is no list, a proxy's say, made List panic.
func TestListOfWhatIsNoList(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", xml.Header + `<EnumerationResults ContainerName="d"><Blobs/></EnumerationResults>`, list("<Blob/>"), list("<Blob><Name>a</Name></Blob>"), list("<Blob><Properties/></Blob>")} {
		var last error
		for _, last = range lease.List(t.Context(), toldManager(t, []byte(answer)), "") {
			require.Error(t, last)
		}
		require.ErrorContains(t, last, "the answer ", answer)
	}
}

// A server that never comes to the end of a list keeps nobody for ever.
func TestListThatGoesRound(t *testing.T) {
	t.Parallel()
	page := strings.Replace(list(""), "<NextMarker/>", "<NextMarker>a</NextMarker>", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, err := range lease.List(ctx, managerOf(t, &told{answer: []byte(page), always: true}), "") {
		require.ErrorContains(t, err, "it says that the list goes on where it has just begun")
		return
	}
	t.Error("the list ends as if it was whole")
}
