//! The ways of regions, one rule a test.
