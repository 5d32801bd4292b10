"""Programs written for Kafka, each with a small job, run against the broker under test."""
