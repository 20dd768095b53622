package fleets

import "github.com/cloudlease/leader/bench/internal/prices"

// An other is another way to divide parts over nodes. Its requests are computed from its source: it needs a stream of its cloud to run.
type other struct {
	name, service string
	renewEvery    float64 // seconds, for each part
	listEvery     float64 // seconds, of each node; 0: not counted
	how           string
}

// rate returns its requests for the same parts on the same nodes.
func (o other) rate() (r prices.Rate) {
	r.Writes = parts * 3600 / o.renewEvery
	if o.listEvery > 0 {
		r.Reads = nodes * 3600 / o.listEvery
	}
	return r
}

// others renew each part.
var others = []other{
	{
		name: "Kinesis Client Library 3", service: "dynamodb", renewEvery: (length.Seconds()*1000/3 - 25) / 1000,
		how: "each lease is renewed in a third of failoverTimeMillis, less 25 ms (DynamoDBLeaseCoordinator, in https://github.com/awslabs/amazon-kinesis-client). " +
			"Its scans of the table, and the metrics of its workers, come on top, and are not counted. Its own default of 10 s takes half as many more.",
	},
	{
		name: "Azure Event Hubs processors", service: "azure", renewEvery: length.Seconds() / 3 * meanOfJitter, listEvery: length.Seconds() / 3 * meanOfJitter,
		how: "in each UpdateInterval, here of 5 s, a processor lists the blobs of all owners and sets the metadata of each that it owns (LoadBalance and " +
			"ClaimOwnership in github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs v1.3.2). A list is counted as a read, though it costs more. " +
			"With its own defaults, 10 s and an expiration of 60 s, it is half as much, and parts of a dead processor wait a minute.",
	},
}

// meanOfJitter is that of the interval between two rounds, which is from 0.8 to 1.3 of UpdateInterval.
const meanOfJitter = 1.05

const aboutPrices = `The same requests at the list prices [above](#a-month). DynamoDB bills a write for each KB, so the one that renews the plan counts as several.
Beside it, what others take that renew each part by itself, for the same parts, nodes and lease. They were not run: their requests follow from
their source.

`

const aboutTimes = `These are the tests of package fleet, in virtual time, with requests that take up to 40 ms: fleets of 5 nodes with 40 parts, and leases of 15 s. A
time to balance is until no node has two parts more than another, and a takeover until *all* parts of the dead node are worked on.

`
