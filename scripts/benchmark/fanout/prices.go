package fanout

// Prices in US dollars, of us-east-1 without free tiers and without the discounts of large volumes. From the
// pages aws.amazon.com/{api-gateway,dynamodb,sqs,lambda}/pricing as they were known in 2025; look there
// before you quote.
const (
	perMillionFrames   = 1.00         // API Gateway: WebSocket messages, each begun 32 KB is one
	perMillionReads    = 0.125        // DynamoDB on demand: read request units
	perMillionWrites   = 0.625        // DynamoDB on demand: write request units
	perMillionRequests = 0.40         // SQS: requests to a standard queue, each begun 64 KB is one
	perMillionInvokes  = 0.20         // Lambda: requests
	perGBSecond        = 0.0000133334 // Lambda on arm64
	gigabytes          = 0.5          // MemorySize of notify and push, 512 MB
	million            = 1e6
)

// price adds up what a pass cost beyond the write itself. What a refused post or a closing costs AWS does not
// say; here it is nothing.
func (p *Pass) price() float64 {
	return float64(p.Frames)*perMillionFrames/million +
		p.Reads*perMillionReads/million + p.Writes*perMillionWrites/million +
		float64(p.Requests)*perMillionRequests/million +
		float64(p.Invocations)*perMillionInvokes/million +
		p.Ran.Seconds()*gigabytes*perGBSecond
}
