package explore

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudlease/leader/internal/host"
	"github.com/cloudlease/leader/lease"
)

// dumper describes the memory of a process: all fields of the real manager and keeper, whatever they are, since a field that
// is left out could decide the future. Times are relative to now, and all times longer ago than a lease lasts are alike.
type dumper struct {
	strings.Builder
	now  host.Reading
	long time.Duration
}

var (
	readingType = reflect.TypeFor[host.Reading]()
	instantType = reflect.TypeFor[lease.Instant]()
	errorType   = reflect.TypeFor[error]()
	skipped     = []reflect.Type{reflect.TypeFor[sync.Mutex](), reflect.TypeFor[sync.RWMutex](), reflect.TypeFor[time.Time]()}
)

// ago writes how long ago a time was, negative if it is to come. A time more than half an hour ahead is by a clock that was
// stepped back by an hour; no path here is long enough to make up for that, so all such times are alike.
func (d *dumper) ago(t time.Duration) {
	fmt.Fprintf(d, "%d,", max(min(t, d.long), -30*time.Minute)/time.Millisecond)
}

func (d *dumper) value(v reflect.Value) {
	if v.Type() == readingType {
		d.ago(d.now.Mono - time.Duration(v.Field(0).Int()))
		d.ago(d.now.Wall - time.Duration(v.Field(1).Int()))
		d.ago(d.now.Boot - time.Duration(v.Field(2).Int()))
		return
	}
	if v.Type() == instantType && time.Duration(v.FieldByName("counted").Int()) >= d.long {
		d.WriteString("long ago,") // whichever sample it is measured from, it is over
		return
	}
	if slices.Contains(skipped, v.Type()) || slices.Contains(hints, v.Type().Name()) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(v)
	case reflect.Pointer:
		if v.IsNil() {
			d.WriteString("nil,")
		} else {
			d.value(v.Elem())
		}
	case reflect.Map:
		d.entries(v)
	case reflect.Slice, reflect.Array:
		d.WriteByte('[')
		for i := range v.Len() {
			d.value(v.Index(i))
		}
		d.WriteString("],")
	case reflect.Interface:
		// The text of an error is for people. Stores, hosts and timers are dumped by those who own them.
		if v.Type() == errorType {
			fmt.Fprintf(d, "%v,", v.IsNil())
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			d.ago(time.Duration(v.Int()))
		} else {
			fmt.Fprintf(d, "%d,", v.Int())
		}
	default:
		fmt.Fprintf(d, "%v,", v)
	}
}

// hints are types that a manager remembers only to advise its callers. The nodes here ignore that advice: they act at any
// time.
var hints = []string{"rhythm"}

// fields writes a struct. A duration called since is a reading of the monotonic clock. So is one called sent, which is left out:
// it only tells an answer from those that overtake it, and here a process makes one call at a time. Any other is taken for a
// duration: if that is wrong, at worst equal states count as different.
func (d *dumper) fields(v reflect.Value) {
	d.WriteByte('{')
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch isTime := f.Type() == reflect.TypeFor[time.Duration](); {
		case isTime && name == "since":
			d.ago(d.now.Mono - time.Duration(f.Int()))
		case isTime && name == "sent":
		default:
			d.value(f)
		}
	}
	d.WriteString("},")
}

func (d *dumper) entries(v reflect.Value) {
	var all []string
	for it := v.MapRange(); it.Next(); {
		one := dumper{now: d.now, long: d.long}
		one.value(it.Key())
		one.value(it.Value())
		all = append(all, one.String())
	}
	slices.Sort(all)
	d.WriteString(strings.Join(all, ""))
}
