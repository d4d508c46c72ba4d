// Package add adds numbers.
package add
