//! Orders and scopes on small tables made by hand.
