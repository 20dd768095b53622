package gcs

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/cloudlease/leader/internal/failure"
	"github.com/cloudlease/leader/internal/foreign"
	"github.com/cloudlease/leader/internal/serverclock"
)

// An answer counts as the service's own on this evidence:
//
//   - a read: it has a generation, and the content fits the object's size and checksum;
//   - a write: it names this bucket and this object, with a new generation, and the size and checksum of what was sent;
//   - a list: its kind is storage#objects, and each object is of this bucket and begins with the prefix;
//   - a refusal, "not found" included: it is an error document of one of the service's two interfaces, or has the
//     header that all of the service's answers have.

// errUnproven is the error for an object that is not found, by an answer of unknown origin.
var errUnproven = errors.New("not found, by an answer that does not say whose it is")

// notGoogles returns the error for an answer without the evidence.
func notGoogles(why string) error { return &foreign.Error{Service: "Cloud Storage", Why: why} }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fits reports whether the data are the whole object and nothing else. The service sends the object's checksum
// (https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash), but none of content that it decompressed
// on the way.
func fits(data []byte, of storage.ReaderObjectAttrs) bool {
	if sum := crc32.Checksum(data, castagnoli); sum == of.CRC32C || of.Decompressed {
		return true
	}
	return of.CRC32C == 0 && of.Size == int64(len(data)) // some emulators send no checksum
}

// wrote reports whether an answer belongs to the write of the data to the object.
func (s *Store) wrote(data []byte, object string, expected storage.Conditions, got *storage.ObjectAttrs) bool {
	return s.isOf(got, object) && got.Generation != expected.GenerationMatch &&
		got.Size == int64(len(data)) && got.CRC32C == crc32.Checksum(data, castagnoli)
}

// isOf reports whether an answer is about this object of the bucket, and the object exists.
func (s *Store) isOf(got *storage.ObjectAttrs, object string) bool {
	return got != nil && got.Bucket == s.bucket && got.Name == object && got.Generation > 0
}

// ageIn returns the age of an answer's content, if the answer's Date is the service's.
func (s *Store) ageIn(c *call, modified time.Time) time.Duration {
	if s.age == nobodys || s.age == googles && !c.google {
		return 0
	}
	return serverclock.Age(c.date, modified)
}

// A refusal is the content of an error answer.
type refusal struct {
	code    int    // HTTP status; 0: there was no answer
	own     bool   // the answer is the service's
	reason  string // in lower case, as the two interfaces differ in the first letter; empty: none
	message string // for people
}

// said is the error of a refusal, in one line: the library's own error has several lines, or a whole document.
type said struct {
	refusal
	error
}

func (e said) Error() string {
	return strings.TrimRight(fmt.Sprintf("HTTP status %d: %s", e.code, strings.TrimSpace(e.message)), ": ")
}

func (e said) Unwrap() error { return e.error }

// line is an error in one line: a token service's answer has several.
type line struct{ error }

func (e line) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

func (e line) Unwrap() error { return e.error }

const maxRefusal = 64 << 10 // bytes; an error document has far less

// refusalOf returns the refusal in an error of the storage client.
func (s *Store) refusalOf(err error) refusal {
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return refusal{}
	}
	return s.checked(refusalIn(e.Code, e.Header, []byte(e.Body)))
}

// checked rejects an answer about another bucket: "not found" mostly names the missing object.
func (s *Store) checked(r refusal) refusal {
	if _, named, ok := strings.Cut(r.message, "No such object: "); ok && !strings.HasPrefix(named, s.bucket+"/") {
		r.own = false
	}
	return r
}

// refusalIn reads an error answer. The JSON interface writes and lists objects
// (https://cloud.google.com/storage/docs/json_api/v1/status-codes). The XML interface reads them, and calls the reason
// a code (https://cloud.google.com/storage/docs/xml-api/reference-status). The front end of all Google services gives
// the reason as a status (https://cloud.google.com/apis/design/errors). The JSON interface refuses a read of content in
// plain text: then a header shows that the answer is the service's
// (https://cloud.google.com/storage/docs/xml-api/reference-headers#xguploaderuploadid).
func refusalIn(code int, header http.Header, body []byte) refusal {
	r := refusal{code: code, own: header.Get("X-Guploader-Uploadid") != ""}
	var fromJSON struct {
		Error struct {
			Code            int
			Message, Status string
			Errors          []struct{ Reason string }
		}
	}
	var fromXML struct {
		XMLName                xml.Name `xml:"Error"`
		Code, Message, Details string
	}
	switch e := &fromJSON.Error; {
	case json.Unmarshal(body, &fromJSON) == nil:
		r.message, r.reason = e.Message, e.Status
		if len(e.Errors) > 0 {
			r.reason = e.Errors[0].Reason
		}
		r.own = r.own || e.Code == code && r.reason != ""
	case xml.Unmarshal(body, &fromXML) == nil:
		r.message, r.reason = strings.TrimSpace(fromXML.Message+" "+fromXML.Details), fromXML.Code
		r.own = r.own || r.reason != ""
	case r.own:
		r.message = string(body)
	}
	r.reason = strings.ToLower(r.reason)
	return r
}

// none explains the service's own "not found" for an object. Nil means that only the object is missing.
func none(r refusal) error {
	if r.reason == "nosuchbucket" || strings.Contains(r.message, "bucket does not exist") {
		return failure.Misconfigured("read: "+r.message, noBucket)
	}
	return nil
}
