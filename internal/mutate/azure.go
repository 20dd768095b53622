package main

var onAzure = []string{"./lease/azblob"}

// azure are the rules of which answers are Azure Storage's to the request that was sent.
var azure = []mutation{
	{
		name: "Evidence: an answer without a request ID is Azure's", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "	if h.Get(headerRequestID) == \"\" {",
			new:  "	if h == nil {",
		},
	},
	{
		name: "Evidence: a success without a version is Azure's", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "	if success && h.Get(headerVersion) == \"\" {",
			new:  "	if success && h == nil {",
		},
	},
	{
		name: "Evidence: Azure's success to another request counts", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "back != sent && (success || back != \"\")",
			new:  "back != sent && !success && back != \"\"",
		},
	},
	{
		name: "Evidence: Azure's refusal of another request counts", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "back != sent && (success || back != \"\")",
			new:  "back != sent && success",
		},
	},
	{
		name: "Evidence: an answer to a request that was redirected is Azure's", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "	if answer.Request.Response != nil {",
			new:  "	if h == nil {",
		},
	},
	{
		name: "Evidence: Azure's answer about another lease counts", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "h.Get(headerLeaseID) != id",
			new:  "h.Get(headerLeaseID) == \"\"",
		},
	},
	{
		name: "Evidence: a write to Azure that left the ETag alone counts", deaf: true, tests: onAzure,
		edit: edit{
			file: "lease/azblob/evidence.go",
			old:  "h.Get(headerETag) == string(before)",
			new:  "h.Get(headerETag) == \"\"",
		},
	},
}
