//! Deduplication.
