// Package ui is the pages of reconcile serve, for people.
//
// Every page is made on the server, of what the API answers: the pages ask it as
// any other caller would, in this process and on behalf of whoever looks at them.
// So what may be seen and done, and what is on record of it, is decided in one
// place. They work without JavaScript; where there is some, what has changed
// appears by itself.
//
// A strict Content-Security-Policy holds for all of them: no script and no style
// is inline, and nothing comes from elsewhere.
//
// It has no state, and knows neither files nor databases.
package ui
