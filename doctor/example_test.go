package doctor_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/cloudlease/leader/doctor"
	"github.com/cloudlease/leader/lease/file"
)

// A deployment that tries out its store before it goes on.
func ExampleCheck() {
	dir, err := os.MkdirTemp("", "leases-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	report := doctor.Check(context.Background(), file.New(dir), doctor.WithLeaseLength(30*time.Second))
	for _, finding := range report.Checks {
		if finding.Result == doctor.Failed || finding.Result == doctor.Warning {
			fmt.Println(finding.Check, finding.Detail, finding.Advice)
		}
	}
	if err := report.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("leaders may be elected here")
	// Output: leaders may be elected here
}
