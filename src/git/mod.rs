//! Turns a Git repository and revisions into trees and change sets.
