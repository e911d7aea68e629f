// Package meter counts what an operation costs.
package meter
