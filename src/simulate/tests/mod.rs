//! Small worlds, and what comes of them.
