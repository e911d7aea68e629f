// Package outage holds what becomes of a function when something that it depends on is down, and plays it.
//
// [Lines] is the one table of that: docs/failures.md is made from it, template.yaml's roles are held to it, and each
// function's TestOutages plays its lines with [Play]: the function as its run has made it, with its own clients, in front of a real
// endpoint whose answers a [Cloud] spoils. What a function answers and logs in an
// outage is tested here alone; the end-to-end suite breaks parts of a deployment for the sake of its alarms.
package outage
