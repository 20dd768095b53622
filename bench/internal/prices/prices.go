// Package prices says what requests cost: the list prices of the clouds, as data, and what becomes of them in a month.
package prices

import "fmt"

// HoursOfMonth are those that the clouds reckon a month with: 365 days by 24 hours, by 12.
const HoursOfMonth = 730

// A Unit is what is charged for requests of one kind.
type Unit struct {
	Name string  // as the bill says it
	USD  float64 // for Per requests
	Per  int
}

// Each is the price of one request, in USD.
func (u Unit) Each() float64 { return u.USD / float64(u.Per) }

func (u Unit) String() string {
	per := fmt.Sprintf("%d,000", u.Per/1000)
	if u.Per >= 1_000_000 {
		per = fmt.Sprintf("%d million", u.Per/1_000_000)
	}
	return fmt.Sprintf("%s: $%g for %s", u.Name, u.USD, per)
}

// A Service is one whose requests are charged one by one. Storage and traffic, a kilobyte, are not counted.
type Service struct {
	Key         string // as that of the peers' service: "dynamodb"
	Name        string
	Region      string
	Write, Read Unit   // what this library's requests are to the service: see Classes
	Classes     string // which of the requests are which
	Source      string // the page of the prices
	Checked     string // the day on which they were looked up, 2006-01-02
	Doubt       string // what could not be verified; "": nothing
}

// Services are list prices without free tiers or discounts, in US dollars, of a region that is among the cheap ones.
var Services = []Service{
	{
		Key: "dynamodb", Name: "DynamoDB, on demand", Region: "us-east-1",
		Write:   Unit{"write request unit", 0.625, 1_000_000},
		Read:    Unit{"read request unit", 0.125, 1_000_000},
		Classes: "a write of up to 1 KB is one unit, and so is a consistent read of up to 4 KB: a record without attributes is well below both",
		Source:  "https://aws.amazon.com/dynamodb/pricing/on-demand/", Checked: "2026-11-24",
	},
	{
		Key: "s3", Name: "S3, Standard", Region: "us-east-1",
		Write:   Unit{"PUT", 0.005, 1_000},
		Read:    Unit{"GET", 0.0004, 1_000},
		Classes: "a conditional PUT costs what any PUT does",
		Source:  "https://aws.amazon.com/s3/pricing/", Checked: "2026-11-24",
	},
	{
		Key: "gcs", Name: "Cloud Storage, Standard", Region: "a single region, us-east1 say",
		Write:   Unit{"class A operation", 0.005, 1_000},
		Read:    Unit{"class B operation", 0.0004, 1_000},
		Classes: "an upload is of class A, a download of class B",
		Source:  "https://cloud.google.com/storage/pricing-examples", Checked: "2026-11-24",
	},
	{
		Key: "azure", Name: "Azure Blob, hot, LRS", Region: "the sample of Microsoft's documentation",
		Write: Unit{"other operation", 0.0044, 10_000},
		Read:  Unit{"other operation", 0.0044, 10_000},
		Classes: "Lease Blob (acquire, renew, release), Get Blob Properties and Set Blob Metadata are all \"other\" operations in a " +
			"general-purpose v2 account (https://learn.microsoft.com/azure/storage/blobs/map-rest-apis-transaction-categories)",
		Source: "https://learn.microsoft.com/azure/storage/blobs/blob-storage-estimate-costs", Checked: "2026-11-24",
		Doubt: "Microsoft calls this a sample; what a region really charges is on https://azure.microsoft.com/pricing/details/storage/blobs/, " +
			"which could not be read by a program",
	},
}

// Rate is how many requests are sent in an hour.
type Rate struct {
	Writes float64 `json:"writes"`
	Reads  float64 `json:"reads"`
}

// Month is what requests at a rate cost in a month, in USD.
func (s Service) Month(r Rate) float64 {
	return HoursOfMonth * (r.Writes*s.Write.Each() + r.Reads*s.Read.Each())
}

// Find returns the service with the key.
func Find(key string) (Service, bool) {
	for _, s := range Services {
		if s.Key == key {
			return s, true
		}
	}
	return Service{}, false
}
