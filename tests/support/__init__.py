"""Typed support for the tests: brokers to start, clients, builders and golden files. Imported by tests only."""
