// Package prices has the clouds' list prices of requests, as data, and computes what requests cost in a month.
package prices

import "fmt"

// HoursOfMonth is the length of a month in the clouds' bills: 365 days of 24 hours, divided by 12.
const HoursOfMonth = 730

// A Unit is the price of requests of one kind.
type Unit struct {
	Name string  // as on the bill
	USD  float64 // for Per requests
	Per  int
}

// Each returns the price of one request, in USD.
func (u Unit) Each() float64 { return u.USD / float64(u.Per) }

func (u Unit) String() string {
	per := fmt.Sprintf("%d,000", u.Per/1000)
	if u.Per >= 1_000_000 {
		per = fmt.Sprintf("%d million", u.Per/1_000_000)
	}
	return fmt.Sprintf("%s: $%g for %s", u.Name, u.USD, per)
}

// A Service charges for each request. Storage and traffic, about a kilobyte, are not counted.
type Service struct {
	Key         string // as in peer.Peer.Service: "dynamodb"
	Name        string
	Region      string
	Write, Read Unit   // what the service charges for this library's requests; see Classes
	Classes     string // which requests belong to which
	Source      string // the page of the prices
	Checked     string // the day on which they were looked up, 2006-01-02
	Doubt       string // what could not be verified; "": nothing
}

// Services are list prices without free tiers or discounts, in US dollars, in one of the cheaper regions.
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
		Read:  Unit{"read operation", 0.0044, 10_000},
		Classes: "Lease Blob (acquire, renew, release) and Set Blob Metadata are \"other\" operations in a general-purpose v2 account, " +
			"and Get Blob is a \"read\" operation; to store a lease's value takes a Put Blob more, a \"write\" operation (https://learn.microsoft.com/azure/storage/blobs/map-rest-apis-transaction-categories)",
		Source: "https://learn.microsoft.com/azure/storage/blobs/blob-storage-estimate-costs", Checked: "2026-11-24",
		Doubt: "Microsoft calls this a sample; what a region really charges is on https://azure.microsoft.com/pricing/details/storage/blobs/, " +
			"which could not be read by a program",
	},
}

// Rate is a number of requests per hour.
type Rate struct {
	Writes float64 `json:"writes"`
	Reads  float64 `json:"reads"`
}

// Month returns what requests at this rate cost in a month, in USD.
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
