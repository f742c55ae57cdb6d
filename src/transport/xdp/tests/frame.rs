//! Frames of queries and replies, built and read another way than the code does.
