"""Support for the tests of the log: crashing file systems, used directories, and what a log promises."""
