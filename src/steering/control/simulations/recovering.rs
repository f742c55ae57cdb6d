//! Regions and members come back.
