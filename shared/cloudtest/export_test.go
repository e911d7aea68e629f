package cloudtest

// Sleep is the models' for the histories, too.
var Sleep = sleep
